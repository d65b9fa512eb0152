-- Ends a claimed batch: all its requests have their answers, and their jobs know. $1 uuid, $2 bigint claim, $3 text error or
-- null. Index: primary key.
update model_batches b set
    state = 'ended', ended_at = clock_timestamp(), node_id = null, error = $3::text
where b.id = $1::uuid and b.claim_num = $2::bigint and b.state <> 'ended'
returning b.id
