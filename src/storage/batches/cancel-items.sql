-- Cancels items of a batch that have not ended. $1 bigint batch, $2 integer: at most so many. Index: jobs_of_batch_open.
select job_id, session_num, has_run, lanes from cancel_batch_items($1::bigint, $2::integer)
