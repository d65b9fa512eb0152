-- Takes due deliveries of certain jobs: the first look at what has just been written. $1 bigint node, $2 uuid[] jobs, $3 text[]
-- targets with attempts under way and $4 integer[] how many more each may have, $5 integer for every other target,
-- $6 integer: most deliveries. Index: webhook_deliveries_by_job; jobs and webhook_endpoints primary keys.
with waiting as (
    select d.id, row_number() over (partition by d.target order by d.due_at, d.id) as place, coalesce(r.free, $5::integer) as free
    from webhook_deliveries d
    left join unnest($3::text[], $4::integer[]) r (target, free) on r.target = d.target
    where d.job_id = any ($2::uuid[]) and d.state = 'pending' and d.lease_id is null and d.due_at <= statement_timestamp()
),
chosen as (
    select d.id, d.job_id, d.endpoint_id from webhook_deliveries d
    where d.id in (select w.id from waiting w where w.place <= w.free limit $6::integer)
        and d.state = 'pending' and d.lease_id is null
    for update skip locked
)
update webhook_deliveries d set lease_id = nextval('webhook_leases'), node_id = $1::bigint
from chosen c left join jobs j on j.id = c.job_id left join webhook_endpoints e on e.id = c.endpoint_id
where d.id = c.id
returning d.id, d.lease_id, d.tenant_id, d.job_id, d.endpoint_id, d.event, d.event_at, d.payload, d.target, d.attempts,
    d.replayed_after, coalesce(d.config, e.config, j.webhook) as webhook,
    case when e.previous_until > statement_timestamp() then e.previous_sealed end as previous_sealed,
    case when e.deleted_at is not null then 'deleted' when e.disabled_at is not null then 'disabled' end as closed
