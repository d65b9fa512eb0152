-- Ends a job's requests whose time is over, as of that time. $1 uuid job. Index: approvals_by_job.
update approvals set state = 'expired', decided_at = expires_at
where job_id = $1::uuid and state = 'pending' and expires_at <= clock_timestamp()
