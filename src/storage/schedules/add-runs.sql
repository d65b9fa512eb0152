-- Adds runs that a client asked for; those that fired or are under way already are left alone. Returns what is to be fired.
-- $1 jsonb: schedule_runs rows, $2 bigint ms until another node may take a run over.
-- Index: schedule_runs primary key.
insert into schedule_runs as r (id, schedule_id, due_at, generation, trigger, outcome, retry_at)
select n.id, n.schedule_id, n.due_at, n.generation, n.trigger, 'pending', clock_timestamp() + $2::bigint * interval '1 ms'
from jsonb_populate_recordset(null::schedule_runs, $1::jsonb) n
on conflict (id) do update set
    outcome = 'pending', trigger = excluded.trigger, reason = null, tries = 0, retry_at = excluded.retry_at
where r.outcome in ('skipped', 'failed')
returning r.id
