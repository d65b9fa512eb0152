-- A new version of an agent, which becomes the newest, and its limit for the agent's lane, which takes effect at once. The
-- row of the agent orders those who do this at a time. $1 text tenant, $2 text name, $3 text runtime, $4 jsonb settings,
-- $5 integer cap of the lane or null. Index: primary keys, lanes.
with agent as (
    insert into agents as a (tenant_id, name, newest_version) values ($1::text, $2::text, 1)
    on conflict (tenant_id, name) do update set newest_version = a.newest_version + 1, retired_at = null
    returning a.newest_version
),
lane as (
    insert into lanes (tenant_id, agent, max_running) select $1::text, $2::text, $5::integer from agent
    on conflict (tenant_id, agent) do update set max_running = excluded.max_running
)
insert into agent_versions (tenant_id, agent, version, runtime, settings)
select $1::text, $2::text, a.newest_version, $3::text, $4::jsonb from agent a
returning agent as name, version, runtime, settings, created_at, null::timestamptz as retired_at
