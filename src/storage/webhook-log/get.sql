-- One delivery of a tenant. $1 text tenant, $2 uuid id. Index: webhook_deliveries primary key.
select d.id, d.job_id, d.endpoint_id, d.event, coalesce(d.config, e.config, j.webhook) ->> 'url' as url, d.state, d.attempts,
    case when d.state = 'pending' and d.lease_id is null then d.due_at end as due_at, d.last_status, d.last_error, d.delivered_at,
    d.created_at, d.updated_at
from webhook_deliveries d
left join webhook_endpoints e on e.id = d.endpoint_id
left join jobs j on j.id = d.job_id
where d.tenant_id = $1::text and d.id = $2::uuid
