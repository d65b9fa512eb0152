-- A schedule of a tenant. $1 uuid, $2 text tenant. Index: schedules primary key.
select s.id, s.num, s.tenant_id, s.user_id, s.is_anonymous, s.api_key_id, s.session_id, s.session_mode, s.name, s.question, s.agent,
    s.kind, s.run_at, s.cron, s.timezone, s.period_seconds, s.enabled, s.webhook, s.metadata, s.budget, s.overlap, s.catch_up,
    s.catch_up_window_seconds, s.jitter_seconds, s.pause_after_failures, s.ends_at, s.max_runs, s.run_count, s.generation,
    s.next_due_at, s.next_fire_at, s.last_due_at, s.last_run_at, s.last_job_id, s.last_error, s.created_at, s.updated_at
from schedules s where s.id = $1::uuid and s.tenant_id = $2::text
