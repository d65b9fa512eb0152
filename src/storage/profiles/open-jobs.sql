-- Items of batches of one session that have not ended. $1 bigint session. Index: jobs_by_session.
select j.id from jobs j
where j.session_num = $1::bigint and j.batch_num is not null and j.state in ('queued', 'running')
order by j.num
