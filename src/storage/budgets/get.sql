-- What a job may take, and who it belongs to. $1 uuid. Index: job_budgets primary key.
select level, max_model_calls, max_cost_micros, max_run_ms, max_steps, parent_job, root_job, depth, api_key_id, spent_micros, model_calls
from job_budgets where job_id = $1::uuid
