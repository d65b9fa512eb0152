-- Lets go of a claimed batch until the time. $1 uuid, $2 bigint claim, $3 bigint milliseconds, $4 boolean was it refused and
-- is certainly not at the provider. Index: primary key.
update model_batches b set
    node_id = null, due_at = clock_timestamp() + $3::bigint * interval '1 ms',
    attempted_at = case when $4::boolean then null else b.attempted_at end,
    refusals = b.refusals + case when $4::boolean then 1 else 0 end
where b.id = $1::uuid and b.claim_num = $2::bigint
