-- Admits a job to its budgets, or tells the limit in the way. $1 jsonb: job_budgets row, $2 bigint estimate in micro-dollars,
-- $3 integer most requests of a session by the operator, $4 boolean: it takes a request of its session. Index: primary keys.
select scope, measure, limit_value, used_value, requests, max_requests, cost_micros, max_cost_micros
from admit_job($1::jsonb, $2::bigint, $3::integer, $4::boolean)
