-- What was said in a session by other jobs than one, after its newest summary, oldest first. $1 bigint session, $2 uuid job,
-- $3 integer: the newest so many. Index: messages primary key.
select seq, role, content from (
    select m.seq, m.role, m.content from messages m
    where m.session_num = $1::bigint and m.job_id is distinct from $2::uuid
        and m.seq > coalesce(
            (select s.seq from summaries s where s.session_num = $1::bigint and s.job_id <> $2::uuid order by s.seq desc limit 1), 0
        )
    order by m.seq desc
    limit $3::integer
) newest
order by seq
