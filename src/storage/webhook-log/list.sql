-- Deliveries of a tenant, newest first. $1 text tenant, $2 text state or null (any), $3 uuid endpoint or null, $4 uuid job or null,
-- $5 text event or null, $6 timestamptz: written since, or null, $7 uuid: older than this one, or null, $8 integer limit.
-- Index: webhook_deliveries_by_tenant backwards; jobs and webhook_endpoints primary keys.
select d.id, d.job_id, d.endpoint_id, d.event, coalesce(d.config, e.config, j.webhook) ->> 'url' as url, d.state, d.attempts,
    case when d.state = 'pending' and d.lease_id is null then d.due_at end as due_at, d.last_status, d.last_error, d.delivered_at,
    d.created_at, d.updated_at
from webhook_deliveries d
left join webhook_endpoints e on e.id = d.endpoint_id
left join jobs j on j.id = d.job_id
where d.tenant_id = $1::text
    and ($2::text is null or d.state = $2::text)
    and ($3::uuid is null or d.endpoint_id = $3::uuid)
    and ($4::uuid is null or d.job_id = $4::uuid)
    and ($5::text is null or d.event = $5::text)
    and ($6::timestamptz is null or d.created_at >= $6::timestamptz)
    and ($7::uuid is null or d.id < $7::uuid)
order by d.id desc
limit $8::integer
