-- Where a message stands among those of a job. $1 uuid job, $2 uuid message. Index: messages_by_job.
select seq from messages where job_id = $1::uuid and id = $2::uuid
