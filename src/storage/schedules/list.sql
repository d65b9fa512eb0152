-- Schedules of a tenant, newest first. $1 text tenant, $2 text user or null (any), $3 boolean: only userless ones,
-- $4 text session or null (any), $5 boolean enabled or null, $6 text kind or null. Index: schedules_by_tenant backwards.
select s.id, s.num, s.tenant_id, s.user_id, s.is_anonymous, s.api_key_id, s.session_id, s.session_mode, s.name, s.question, s.agent,
    s.kind, s.run_at, s.cron, s.timezone, s.period_seconds, s.enabled, s.webhook, s.metadata, s.budget, s.overlap, s.catch_up,
    s.catch_up_window_seconds, s.jitter_seconds, s.pause_after_failures, s.ends_at, s.max_runs, s.run_count, s.generation,
    s.next_due_at, s.next_fire_at, s.last_due_at, s.last_run_at, s.last_job_id, s.last_error, s.created_at, s.updated_at
from schedules s
where s.tenant_id = $1::text
    and ($2::text is null or s.user_id = $2::text)
    and (not $3::boolean or s.user_id is null)
    and ($4::text is null or s.session_id = $4::text)
    and ($5::boolean is null or s.enabled = $5::boolean)
    and ($6::text is null or s.kind = $6::text)
order by s.num desc
