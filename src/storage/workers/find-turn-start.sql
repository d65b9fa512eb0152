-- Where a job of a session shows first: its first start, else its end. $1 bigint session, $2 uuid job. Index: jobs primary
-- key, events primary key.
select e.seq
from jobs j join events e on e.session_num = j.session_num and e.seq >= j.first_seq
where j.id = $2::uuid and e.session_num = $1::bigint and e.job_id = j.id
    and e.type in ('job.started', 'job.completed', 'job.failed', 'job.canceled')
order by e.seq limit 1
