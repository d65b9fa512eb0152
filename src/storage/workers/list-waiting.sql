-- Inputs of a session that are due and have not been heard yet, in their order. $1 bigint session. Index: jobs_next.
select j.id, j.question from jobs j
where j.session_num = $1::bigint and j.state = 'queued' and j.attempts = 0 and j.run_at <= clock_timestamp()
order by j.order_at, j.pos
limit 1000
