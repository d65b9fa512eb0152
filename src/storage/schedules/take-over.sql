-- Takes pending runs whose time has come: tried again later, or left by a node that died. $1 integer limit, $2 bigint ms
-- until another node may take them. Index: schedule_runs_pending, schedules primary key.
update schedule_runs r set retry_at = clock_timestamp() + $2::bigint * interval '1 ms'
from schedules s
where s.id = r.schedule_id and r.id in (
    select p.id from schedule_runs p
    where p.outcome = 'pending' and p.retry_at <= statement_timestamp()
    order by p.retry_at, p.due_at limit $1::integer for update skip locked
)
returning r.id as run_id, r.due_at, r.trigger, r.replaces, r.tries, clock_timestamp() as now,
    s.id, s.num, s.tenant_id, s.user_id, s.is_anonymous, s.api_key_id, s.session_id, s.session_mode, s.name, s.question, s.agent,
    s.kind, s.run_at, s.cron, s.timezone, s.period_seconds, s.enabled, s.webhook, s.metadata, s.budget, s.overlap, s.catch_up,
    s.catch_up_window_seconds, s.jitter_seconds, s.pause_after_failures, s.ends_at, s.max_runs, s.run_count, s.generation,
    s.next_due_at, s.next_fire_at, s.last_due_at, s.last_run_at, s.last_job_id, s.last_error, s.created_at, s.updated_at
