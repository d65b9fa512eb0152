-- Notes, before a claimed batch is handed in, that it is; no row when the claim was lost. $1 uuid, $2 bigint claim. Index:
-- primary key.
update model_batches b set attempted_at = clock_timestamp()
where b.id = $1::uuid and b.claim_num = $2::bigint and b.state = 'submitting'
returning b.id
