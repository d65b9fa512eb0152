-- Writes what became of runs, on them and on their schedules. A schedule without a due time to come ends with its last run.
-- $1 jsonb: array of id, outcome, reason, tries, delay_ms; $2 uuid[] their schedules.
-- Index: primary keys.
with locked as materialized (
    select s.id from schedules s where s.id = any ($2::uuid[]) order by s.id for no key update
),
ended as (
    update schedule_runs r set
        outcome = e.outcome, reason = e.reason, tries = e.tries,
        retry_at = case when e.outcome = 'pending' then clock_timestamp() + e.delay_ms * interval '1 ms' end,
        fired_at = case when e.outcome = 'fired' then clock_timestamp() end
    from jsonb_to_recordset($1::jsonb) e (id uuid, outcome text, reason text, tries integer, delay_ms bigint)
    where r.id = e.id and r.schedule_id in (select l.id from locked l) and (r.outcome = 'pending' or e.outcome = 'fired')
    returning r.schedule_id, r.id, r.due_at, r.outcome, r.reason, r.fired_at
),
newest as (
    select distinct on (e.schedule_id) e.* from ended e order by e.schedule_id, e.outcome <> 'fired', e.due_at desc
)
update schedules s set
    last_job_id = case when n.outcome = 'fired' then n.id else s.last_job_id end,
    last_run_at = coalesce(n.fired_at, s.last_run_at),
    last_error = n.reason,
    enabled = s.enabled and (s.next_due_at is not null or n.outcome = 'pending'),
    updated_at = clock_timestamp()
from newest n where s.id = n.schedule_id
