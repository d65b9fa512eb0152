-- Where a message stands in its session. $1 bigint session, $2 uuid message. Index: messages primary key, the session's part.
select seq from messages where session_num = $1::bigint and id = $2::uuid
