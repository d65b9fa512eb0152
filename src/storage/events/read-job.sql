-- Events of one job in its session's log. $1 bigint session, $2 bigint after this seq, $3 integer limit, $4 uuid job.
-- Index: events primary key, from the cursor on; a session's other jobs are passed over.
select e.seq, e.job_id, e.type, e.data, e.at, m.role, m.content
from events e
left join messages m on m.session_num = e.session_num and m.seq = e.seq
where e.session_num = $1::bigint and e.seq > $2::bigint and e.job_id = $4::uuid
order by e.seq
limit $3::integer
