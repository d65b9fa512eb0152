-- Changes what later turns of a worker run with; the worker's row is locked. $1 text tenant, $2 text worker, $3 text
-- instructions, $4 jsonb output schema or null. Index: worker_settings primary key.
insert into worker_settings (tenant_id, worker_id, num, instructions, output_schema)
select $1::text, $2::text, coalesce(max(w.num), 0) + 1, $3::text, $4::jsonb
from worker_settings w where w.tenant_id = $1::text and w.worker_id = $2::text
