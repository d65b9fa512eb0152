-- The lane of an agent of a tenant. $1 text tenant, $2 text agent, $3 integer cap or null. Index: lanes (tenant_id, agent).
insert into lanes as l (tenant_id, agent, max_running) values ($1::text, $2::text, $3::integer)
on conflict (tenant_id, agent) do update set max_running = excluded.max_running
returning l.id
