-- Forgets ended deliveries of endpoints, with their attempts; what became of a job's own webhook stays with the job.
-- $1 integer days, $2 integer limit for each endpoint. Index: webhook_deliveries_by_endpoint, webhook_attempts (delivery_id, number).
with forgotten as (
    select d.id from webhook_endpoints e cross join lateral (
        select o.id from webhook_deliveries o
        where o.endpoint_id = e.id and o.state <> 'pending' and o.updated_at < statement_timestamp() - $1::integer * interval '1 day'
            and o.id < (
                lpad(to_hex(floor(extract(epoch from statement_timestamp() - $1::integer * interval '1 day') * 1000)::bigint), 12, '0')
                || repeat('0', 20)
            )::uuid
        order by o.id limit $2::integer
        for update skip locked
    ) d
),
attempts as (
    delete from webhook_attempts a using forgotten f where a.delivery_id = f.id
)
delete from webhook_deliveries d using forgotten f where d.id = f.id
returning d.id
