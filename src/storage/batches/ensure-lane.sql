-- The lane of a tenant's batches; its cap follows the tenant's. $1 text tenant, $2 text name, $3 integer: jobs of a tenant
-- that run at once where it has no limit of its own, $4 numeric: the share of them that batches may take.
-- Index: primary keys, lanes.
insert into lanes as l (tenant_id, agent, max_running)
select t.id, $2::text, greatest(1, floor(coalesce(t.max_running, $3::integer) * $4::numeric))::integer from tenants t where t.id = $1::text
on conflict (tenant_id, agent) do update set max_running = excluded.max_running
returning l.id
