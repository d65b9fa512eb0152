-- What a worker's next turn runs with. $1 text tenant, $2 text worker. Index: worker_settings primary key, backwards.
select instructions, output_schema from worker_settings
where tenant_id = $1::text and worker_id = $2::text
order by num desc limit 1
