-- What people get to see of a session's log, without pieces of messages and output. $1 bigint session, $2 bigint after this
-- seq, $3 bigint up to this seq, $4 boolean: pieces of messages too, $5 integer limit. Index: events primary key.
select e.seq, e.job_id, e.type, e.data, e.at, m.id as message_id, m.role, m.content
from events e
left join messages m on m.session_num = e.session_num and m.seq = e.seq
where e.session_num = $1::bigint and e.seq > $2::bigint and e.seq <= $3::bigint
    and e.type <> 'output.written' and ($4::boolean or e.type <> 'message.delta')
order by e.seq
limit $5::integer
