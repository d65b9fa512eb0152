-- Accepts a batch of jobs in one transaction. $1 jsonb: array of job_submission (migration 0004).
-- Index: sessions (tenant_id, id); the queue heads are on the session rows.
select ord, outcome, session_num, created_at, ready_lane from accept_jobs($1::jsonb)
