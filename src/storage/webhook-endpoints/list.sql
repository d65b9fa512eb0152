-- Endpoints of a tenant but those of workers, oldest first; with an id that one alone. $1 text tenant, $2 uuid or null.
-- Index: webhook_endpoints_by_tenant.
select e.id, e.name, e.config, case when e.previous_until > statement_timestamp() then e.previous_until end as previous_until, e.events, e.session_id,
    e.created_at, e.updated_at, e.failures, e.failing_since, e.disabled_at, e.disabled_reason
from webhook_endpoints e
where e.tenant_id = $1::text and e.deleted_at is null and e.worker_id is null and ($2::uuid is null or e.id = $2::uuid)
order by e.created_at, e.id
