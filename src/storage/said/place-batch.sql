-- Where a message stands in its batch. $1 bigint batch, $2 uuid message. Index: jobs_by_batch, messages_by_job, batch_inputs
-- primary key.
select part, at::text as at, num, ord from batch_places($1::bigint, null) where id = $2::uuid
