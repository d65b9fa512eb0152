-- What a job of a worker runs with: what held when it first started. $1 text tenant, $2 text session, $3 bigint session
-- number, $4 uuid job. Index: worker_settings primary key, backwards; jobs primary key; events primary key.
select w.instructions, w.output_schema from worker_settings w
where w.tenant_id = $1::text and w.worker_id = $2::text
    and w.created_at <= coalesce(
        (
            select e.at from jobs j join events e on e.session_num = j.session_num and e.seq >= j.first_seq
            where j.id = $4::uuid and e.session_num = $3::bigint and e.job_id = j.id and e.type = 'job.started'
            order by e.seq limit 1
        ), clock_timestamp()
    )
order by w.num desc limit 1
