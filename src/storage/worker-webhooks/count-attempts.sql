-- Number of attempts to tell the webhooks that a worker has had. $1 text tenant, $2 text worker.
-- Index: webhook_deliveries_by_endpoint.
select count(*) as total
from webhook_endpoints e
join webhook_deliveries d on d.endpoint_id = e.id
join webhook_attempts a on a.delivery_id = d.id
where e.tenant_id = $1::text and e.worker_id = $2::text
