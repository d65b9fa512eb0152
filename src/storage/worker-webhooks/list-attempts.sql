-- Attempts to tell the webhooks that a worker has had, newest first, with their number in the same snapshot: on a page beyond
-- the last, one row of it alone. $1 text tenant, $2 text worker, $3 integer limit, $4 integer offset.
-- Index: webhook_deliveries_by_endpoint.
with attempts as (
    select a.id, d.job_id, a.url, a.status, a.error, a.duration_ms, a.started_at
    from webhook_endpoints e
    join webhook_deliveries d on d.endpoint_id = e.id
    join webhook_attempts a on a.delivery_id = d.id
    where e.tenant_id = $1::text and e.worker_id = $2::text
)
select n.total, p.id, p.job_id, j.question, p.url, p.status, p.error, p.duration_ms, p.started_at
from (select count(*) as total from attempts) n
left join (select * from attempts a order by a.id desc limit $3::integer offset $4::integer) p on true
left join jobs j on j.id = p.job_id
order by p.id desc
