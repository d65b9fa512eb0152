-- The stop of a session that is still shown: neither expired nor followed by another run. $1 bigint session.
-- Index: session_stops primary key, sessions primary key, events primary key.
select
    t.mode, t.reason, t.requested_by, t.requested_at, t.expires_at,
    t.acknowledged_at is not null or s.running_job is distinct from t.job_id as is_acknowledged
from session_stops t
join sessions s on s.num = t.session_num
where t.session_num = $1::bigint and t.expires_at > clock_timestamp()
    and not exists (
        select 1 from events e
        where e.session_num = t.session_num and e.seq > t.seq and e.type = 'job.started' and e.job_id <> t.job_id
    )
