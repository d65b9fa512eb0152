-- Jobs that a job spawned, oldest first. $1 uuid. Index: job_budgets_by_parent.
select job_id from job_budgets where parent_job = $1::uuid order by created_at, job_id
