-- Runs of a schedule, newest due time first. $1 uuid schedule, $2 timestamptz and $3 uuid: only those before, or null,
-- $4 integer limit. Index: schedule_runs (schedule_id, due_at, generation) backwards.
select id, schedule_id, due_at, trigger, outcome, reason, tries, retry_at, fired_at
from schedule_runs
where schedule_id = $1::uuid and ($2::timestamptz is null or (due_at, id) < ($2::timestamptz, $3::uuid))
order by due_at desc, id desc
limit $4::integer
