-- Writes a delivery that tries an endpoint. $1 text tenant, $2 uuid endpoint, $3 jsonb body. Index: webhook_endpoints primary key.
insert into webhook_deliveries (tenant_id, endpoint_id, event, event_at, target, payload)
select e.tenant_id, e.id, 'webhook.test', clock_timestamp(), e.config ->> 'target', $3::jsonb
from webhook_endpoints e where e.tenant_id = $1::text and e.id = $2::uuid and e.deleted_at is null
returning id
