-- What a job asked at a step through batches, in order. $1 uuid job, $2 integer ordinal. Index: model_requests_by_job.
select id, name, try, state, status, answer, created_at from model_requests
where job_id = $1::uuid and ordinal = $2::integer
order by created_at, try
