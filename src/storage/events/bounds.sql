-- First and newest seq of a session's log. $1 bigint session. Index: events primary key, sessions primary key.
select s.event_seq as newest,
    (select min(e.seq) from events e where e.session_num = s.num) as first
from sessions s
where s.num = $1::bigint
