-- What a job said, in order. $1 uuid. Index: messages_by_job.
select id, role, content, created_at from messages where job_id = $1::uuid order by seq
