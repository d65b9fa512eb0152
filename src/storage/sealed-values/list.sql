-- Sealed values of all tenants that another key than the current one has sealed. It reads all that could be, for a command that
-- is run once in a while. $1 text: how values of the current key begin, $2 integer limit. Index: none.
select t.kind, t.tenant_id, t.key, t.sealed from (
    select 'secret' as kind, s.tenant_id, s.name as key, s.sealed from secrets s where not starts_with(s.sealed, $1::text)
    union all
    select 'secret.previous', s.tenant_id, s.name, s.previous_sealed from secrets s
    where not starts_with(s.previous_sealed, $1::text)
    union all
    select 'endpoint', e.tenant_id, e.id::text, e.config ->> 'sealed' from webhook_endpoints e
    where not starts_with(e.config ->> 'sealed', $1::text)
    union all
    select 'endpoint.previous', e.tenant_id, e.id::text, e.previous_sealed from webhook_endpoints e
    where not starts_with(e.previous_sealed, $1::text)
    union all
    select 'delivery', d.tenant_id, d.id::text, d.config ->> 'sealed' from webhook_deliveries d
    where d.config is not null and not starts_with(d.config ->> 'sealed', $1::text)
    union all
    select 'job', j.tenant_id, j.id::text, j.webhook ->> 'sealed' from jobs j
    where j.webhook is not null and not starts_with(j.webhook ->> 'sealed', $1::text)
    union all
    select 'schedule', c.tenant_id, c.id::text, c.webhook ->> 'sealed' from schedules c
    where c.webhook is not null and not starts_with(c.webhook ->> 'sealed', $1::text)
) t
limit $2::integer
