-- What the session of a worker is doing. $1 bigint session. Index: sessions primary key, jobs_by_session, jobs primary key,
-- job_budgets primary key.
select
    s.event_seq as newest_seq,
    s.running_job is not null
        or s.head_run_at <= clock_timestamp()
        or exists (select 1 from jobs h where h.id = s.head_job and h.attempts > 0) as is_busy,
    coalesce(s.running_job, s.head_job) as current_job,
    coalesce(n.id, l.id) as newest_job,
    b.level as budget
from sessions s
left join lateral (
    select j.id from jobs j
    where j.session_num = s.num and (j.state <> 'queued' or j.attempts > 0 or j.run_at <= clock_timestamp())
    order by j.num desc limit 1
) n on true
left join lateral (select j.id from jobs j where j.session_num = s.num order by j.num desc limit 1) l on n.id is null
left join job_budgets b on b.job_id = coalesce(n.id, l.id)
where s.num = $1::bigint
