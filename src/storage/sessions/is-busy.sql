-- Whether a session has work that runs, waits for a person or is due. $1 bigint session. Index: sessions primary key,
-- jobs primary key.
select s.running_job is not null
    or s.head_run_at <= clock_timestamp()
    or exists (select 1 from jobs j where j.id = s.head_job and j.attempts > 0) as busy
from sessions s
where s.num = $1::bigint
