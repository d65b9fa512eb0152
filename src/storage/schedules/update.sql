-- Changes a schedule that is locked. $1 jsonb: schedules row with what its owner says, $2 boolean: it is armed anew,
-- $3 boolean: it was paused before. Index: schedules primary key.
update schedules s set (
    name, question, agent, run_at, cron, timezone, period_seconds, enabled, webhook, metadata, budget, overlap, catch_up,
    catch_up_window_seconds, jitter_seconds, pause_after_failures, ends_at, max_runs, next_due_at, next_fire_at
) = (
    select name, question, agent, run_at, cron, timezone, period_seconds, enabled, webhook, metadata, budget, overlap, catch_up,
    catch_up_window_seconds, jitter_seconds, pause_after_failures, ends_at, max_runs, next_due_at, next_fire_at
    from jsonb_populate_record(null::schedules, $1::jsonb)
),
    generation = s.generation + case when $2::boolean then 1 else 0 end,
    run_count = case when $3::boolean and s.run_count >= s.max_runs then 0 else s.run_count end,
    resumed_at = case when $3::boolean then clock_timestamp() else s.resumed_at end,
    updated_at = clock_timestamp()
where s.id = ($1::jsonb ->> 'id')::uuid
