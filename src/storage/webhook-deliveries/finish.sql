-- Writes down an attempt, once: a node that lost the delivery changes nothing. $1 uuid delivery, $2 bigint lease, $3 boolean
-- success, $4 bigint: milliseconds until the next attempt, null = none, $5 smallint status or null, $6 text error or null,
-- $7 text body of the answer or null, $8 integer milliseconds that it took, $9 text url.
-- Index: webhook_deliveries and webhook_endpoints primary keys.
with done as (
    update webhook_deliveries d set
        state = case when $3::boolean then 'delivered' when $4::bigint is null then 'failed' else 'pending' end,
        due_at = case when $4::bigint is null then d.due_at else clock_timestamp() + $4::bigint * interval '1 ms' end,
        attempts = d.attempts + 1, lease_id = null, node_id = null, last_status = $5::smallint, last_error = $6::text,
        delivered_at = case when $3::boolean then clock_timestamp() else d.delivered_at end,
        updated_at = clock_timestamp()
    where d.id = $1::uuid and d.lease_id = $2::bigint
    returning d.id, d.attempts, d.endpoint_id
),
noted as (
    insert into webhook_attempts (delivery_id, number, url, status, error, response_body, duration_ms, started_at)
    select o.id, o.attempts, $9::text, $5::smallint, $6::text, $7::text, $8::integer,
        clock_timestamp() - $8::integer * interval '1 ms'
    from done o
),
counted as (
    update webhook_endpoints e set
        failures = case when $3::boolean then 0 else e.failures + 1 end,
        failing_since = case when $3::boolean then null else coalesce(e.failing_since, clock_timestamp()) end
    from done o
    where e.id = o.endpoint_id and not ($3::boolean and e.failures = 0)
    returning e.failures, (extract(epoch from clock_timestamp() - e.failing_since) * 1000)::bigint as failing_ms
)
select c.failures, c.failing_ms from done o left join counted c on true
