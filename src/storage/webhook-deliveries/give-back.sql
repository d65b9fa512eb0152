-- Gives an attempt back that was not made, to be made at once; or, with a reason, ends its delivery. $1 uuid delivery,
-- $2 bigint lease, $3 text reason or null. Index: webhook_deliveries primary key.
update webhook_deliveries d set
    lease_id = null, node_id = null,
    state = case when $3::text is null then d.state else 'failed' end,
    last_error = coalesce($3::text, d.last_error),
    updated_at = clock_timestamp()
where d.id = $1::uuid and d.lease_id = $2::bigint
