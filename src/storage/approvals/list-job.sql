-- What a job asked, with whether its time is over. Waits for a decision that is being made: what is called over here cannot
-- be decided any more. $1 uuid job. Index: approvals_by_job.
select id, state, on_expiry, message, expires_at <= clock_timestamp() as is_over
from approvals where job_id = $1::uuid
for share
