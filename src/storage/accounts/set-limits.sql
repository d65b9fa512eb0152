-- Sets limits of an account, made when missing; the tenant's mutex is held. $1 text tenant, $2 text kind, $3 text id,
-- $4 boolean: sets the cost, $5 bigint micro-dollars or null (default), $6 boolean: sets the requests, $7 integer or null.
-- Index: accounts primary key.
insert into accounts as a (tenant_id, kind, id, max_cost_micros, max_requests)
values ($1::text, $2::text, $3::text, case when $4::boolean then $5::bigint end, case when $6::boolean then $7::integer end)
on conflict (tenant_id, kind, id) do update set
    max_cost_micros = case when $4::boolean then $5::bigint else a.max_cost_micros end,
    max_requests = case when $6::boolean then $7::integer else a.max_requests end
returning kind, id, max_requests, max_cost_micros, requests, spent_micros, held_micros
