-- Writes the runs of due times and moves their schedules on; returns the runs that are new. $1 jsonb: schedule_runs rows,
-- $2 jsonb: schedules rows with what changes, $3 bigint ms until another node may take a run over. The schedules are locked.
-- Index: primary keys, schedule_runs (schedule_id, due_at, generation).
with made as (
    insert into schedule_runs (id, schedule_id, due_at, generation, trigger, outcome, reason, replaces, retry_at)
    select r.id, r.schedule_id, r.due_at, r.generation, r.trigger, r.outcome, r.reason, r.replaces,
        case when r.outcome = 'pending' then clock_timestamp() + $3::bigint * interval '1 ms' end
    from jsonb_populate_recordset(null::schedule_runs, $1::jsonb) r
    on conflict do nothing
    returning id
),
moved as (
    update schedules s set
        next_due_at = n.next_due_at, next_fire_at = n.next_fire_at, last_due_at = n.last_due_at, run_count = n.run_count,
        enabled = n.enabled, last_run_id = coalesce(n.last_run_id, s.last_run_id),
        last_error = coalesce(n.last_error, s.last_error)
    from jsonb_populate_recordset(null::schedules, $2::jsonb) n
    where s.id = n.id
)
select m.id from made m
