-- Forgets old runs. $1 integer days, $2 integer limit. Index: schedule_runs_by_age, schedule_runs primary key.
delete from schedule_runs where id in (
    select r.id from schedule_runs r
    where r.claimed_at < statement_timestamp() - $1::integer * interval '1 day' and r.outcome <> 'pending'
    order by r.claimed_at limit $2::integer
)
