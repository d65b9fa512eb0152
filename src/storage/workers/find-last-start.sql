-- The job of a session that was started last up to a place in the log. $1 bigint session, $2 bigint seq. Index: events
-- primary key, backwards.
select e.job_id from events e
where e.session_num = $1::bigint and e.seq <= $2::bigint and e.type = 'job.started'
order by e.seq desc limit 1
