-- Takes due deliveries, target by target, so that the backlog of one is not in the way of another. $1 bigint node, $2 text[]
-- targets with attempts under way and $3 integer[] how many more each may have, $4 integer for every other target, $5 integer:
-- most deliveries, $6 text: look at targets after this one, $7 integer: at so many.
-- Index: webhook_deliveries_due from target to target; jobs and webhook_endpoints primary keys.
with recursive targets as (
    (
        select d.target, d.due_at, 1 as place from webhook_deliveries d
        where d.state = 'pending' and d.lease_id is null and d.target > $6::text
        order by d.target, d.due_at limit 1
    )
    union all
    select n.target, n.due_at, t.place + 1
    from targets t
    cross join lateral (
        select d.target, d.due_at from webhook_deliveries d
        where d.state = 'pending' and d.lease_id is null and d.target > t.target
        order by d.target, d.due_at limit 1
    ) n
    where t.place < $7::integer
),
chosen as (
    select c.id, c.job_id, c.endpoint_id
    from targets t
    left join unnest($2::text[], $3::integer[]) r (target, free) on r.target = t.target
    cross join lateral (
        select d.id, d.job_id, d.endpoint_id from webhook_deliveries d
        where d.state = 'pending' and d.lease_id is null and d.target = t.target and d.due_at <= statement_timestamp()
        order by d.due_at
        limit coalesce(r.free, $4::integer)
        for update skip locked
    ) c
    where t.due_at <= statement_timestamp()
    limit $5::integer
),
taken as (
    update webhook_deliveries d set lease_id = nextval('webhook_leases'), node_id = $1::bigint
    from chosen c left join jobs j on j.id = c.job_id left join webhook_endpoints e on e.id = c.endpoint_id
    where d.id = c.id
    returning d.id, d.lease_id, d.tenant_id, d.job_id, d.endpoint_id, d.event, d.event_at, d.payload, d.target, d.attempts,
        d.replayed_after, coalesce(d.config, e.config, j.webhook) as webhook,
        case when e.previous_until > statement_timestamp() then e.previous_sealed end as previous_sealed,
        case when e.deleted_at is not null then 'deleted' when e.disabled_at is not null then 'disabled' end as closed
),
looked as (
    select max(t.target) as last_target, count(*)::integer as seen from targets t
)
select l.last_target, l.seen, t.* from looked l left join taken t on true
