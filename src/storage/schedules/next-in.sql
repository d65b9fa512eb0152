-- Milliseconds until the next fire or the next try of a run; null when none is to come.
-- Index: schedules_due, schedule_runs_pending.
select extract(epoch from least(
    (select s.next_fire_at from schedules s where s.next_fire_at is not null order by s.next_fire_at limit 1),
    (select r.retry_at from schedule_runs r where r.outcome = 'pending' order by r.retry_at limit 1)
) - clock_timestamp())::double precision * 1000 as next_in_ms
