-- The first input of a session. $1 bigint session. Index: jobs_by_session.
select j.question from jobs j where j.session_num = $1::bigint order by j.num limit 1
