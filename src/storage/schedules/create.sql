-- Adds a schedule. $1 jsonb: schedules row.
insert into schedules (
    id, tenant_id, user_id, is_anonymous, api_key_id, session_id, session_mode, name, question, agent, kind, run_at, cron,
    timezone, period_seconds, enabled, webhook, metadata, budget, overlap, catch_up, catch_up_window_seconds, jitter_seconds,
    pause_after_failures, ends_at, max_runs, next_due_at, next_fire_at, request_hash
)
select id, tenant_id, user_id, is_anonymous, api_key_id, session_id, session_mode, name, question, agent, kind, run_at, cron,
    timezone, period_seconds, enabled, webhook, metadata, budget, overlap, catch_up, catch_up_window_seconds, jitter_seconds,
    pause_after_failures, ends_at, max_runs, next_due_at, next_fire_at, request_hash
from jsonb_populate_record(null::schedules, $1::jsonb)
