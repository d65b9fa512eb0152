-- The lane of an agent of a tenant; makes the tenant, and a user of it, known on the way: a newcomer's first job costs one
-- round trip. A lane that exists keeps its cap: who asks may have read the agent before its newest version, which set it.
-- $1 text tenant, $2 text agent, $3 integer cap or null, $4 text user or null. Index: primary keys, lanes.
with tenant as (
    insert into tenants (id) values ($1::text) on conflict (id) do nothing
),
owner as (
    insert into users (tenant_id, id) select $1::text, $4::text where $4::text is not null on conflict (tenant_id, id) do nothing
)
insert into lanes as l (tenant_id, agent, max_running) values ($1::text, $2::text, $3::integer)
on conflict (tenant_id, agent) do update set max_running = l.max_running
returning l.id
