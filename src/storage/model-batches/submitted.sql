-- Notes under which id a provider has a claimed batch, and lets go of it until the time. $1 uuid, $2 bigint claim, $3 text id
-- at the provider, $4 bigint milliseconds. Index: primary key.
update model_batches b set
    state = 'waiting', provider_id = $3::text, submitted_at = coalesce(b.attempted_at, clock_timestamp()), node_id = null,
    due_at = clock_timestamp() + $4::bigint * interval '1 ms'
where b.id = $1::uuid and b.claim_num = $2::bigint and b.state = 'submitting'
returning b.id
