-- Replaces one sealed value, unless it has changed meanwhile. $1 text kind, $2 text tenant, $3 text name or id, $4 text before,
-- $5 text after. Index: primary keys of secrets, webhook_endpoints, webhook_deliveries, schedules and jobs.
with target as (
    select $2::text as tenant_id, $3::text as name, case when $1::text not like 'secret%' then $3::uuid end as id
),
of_secret as (
    update secrets s set
        sealed = case when $1::text = 'secret' then $5::text else s.sealed end,
        previous_sealed = case when $1::text = 'secret.previous' then $5::text else s.previous_sealed end
    from target t
    where t.id is null and s.tenant_id = t.tenant_id and s.name = t.name
        and $4::text = case when $1::text = 'secret' then s.sealed else s.previous_sealed end
),
of_endpoint as (
    update webhook_endpoints e set
        config = case when $1::text = 'endpoint' then jsonb_set(e.config, '{sealed}', to_jsonb($5::text)) else e.config end,
        previous_sealed = case when $1::text = 'endpoint.previous' then $5::text else e.previous_sealed end
    from target t
    where $1::text like 'endpoint%' and e.id = t.id
        and $4::text = case when $1::text = 'endpoint' then e.config ->> 'sealed' else e.previous_sealed end
),
of_delivery as (
    update webhook_deliveries d set config = jsonb_set(d.config, '{sealed}', to_jsonb($5::text))
    from target t
    where $1::text = 'delivery' and d.id = t.id and d.config ->> 'sealed' = $4::text
),
of_schedule as (
    update schedules c set webhook = jsonb_set(c.webhook, '{sealed}', to_jsonb($5::text))
    from target t
    where $1::text = 'schedule' and c.id = t.id and c.webhook ->> 'sealed' = $4::text
)
update jobs j set webhook = jsonb_set(j.webhook, '{sealed}', to_jsonb($5::text))
from target t
where $1::text = 'job' and j.id = t.id and j.webhook ->> 'sealed' = $4::text
