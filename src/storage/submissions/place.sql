-- Accepts one job by the rule of its client for a busy session (migration 0017). $1 jsonb job_submission, $2 text mode,
-- $3 uuid run that takes input (null = none), $4 integer prompts that may wait (null = it is no prompt), $5 integer
-- characters of a merged input, $6 jsonb answers to keep by outcome. Index: sessions (tenant_id, id), jobs_next, jobs
-- primary key.
select outcome, job_id, target_job, session_num, expires_at, lanes, queue_length
from place_job($1::jsonb, $2::text, $3::uuid, $4::integer, $5::integer, $6::jsonb)
