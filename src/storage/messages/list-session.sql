-- What was said in a session after a place in its log, in order. $1 bigint session, $2 bigint seq, $3 integer: at most so
-- many. Index: messages primary key.
select seq, id, role, content, created_at from messages
where session_num = $1::bigint and seq > $2::bigint
order by seq limit $3::integer
