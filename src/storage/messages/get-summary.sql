-- The newest summary of a session that another job than one made. $1 bigint session, $2 uuid job. Index: summaries primary key.
select text from summaries where session_num = $1::bigint and job_id <> $2::uuid order by seq desc limit 1
