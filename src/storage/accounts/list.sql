-- Accounts of a tenant's sessions and API keys that have a limit of their own or have used something, by kind and id.
-- $1 text tenant, $2 text[] kinds, $3 text kind and $4 text id: those of the last one seen, or null, $5 integer limit.
-- Index: accounts primary key.
select kind, id, max_requests, max_cost_micros, requests, spent_micros, held_micros
from accounts
where tenant_id = $1::text and kind = any ($2::text[])
    and ($3::text is null or (kind, id) > ($3::text, $4::text collate "C"))
    and (max_requests is not null or max_cost_micros is not null or requests > 0 or spent_micros > 0 or held_micros > 0)
order by kind, id
limit $5::integer
