-- Attempts to tell the webhooks that a worker has had, newest first. $1 text tenant, $2 text worker, $3 integer limit,
-- $4 integer offset. Index: webhook_deliveries_by_endpoint.
select a.id, d.job_id, j.question, a.url, a.status, a.error, a.duration_ms, a.started_at
from webhook_endpoints e
join webhook_deliveries d on d.endpoint_id = e.id
join webhook_attempts a on a.delivery_id = d.id
left join jobs j on j.id = d.job_id
where e.tenant_id = $1::text and e.worker_id = $2::text
order by a.id desc
limit $3::integer offset $4::integer
