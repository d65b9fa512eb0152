-- A new version of an agent, which becomes the newest. $1 text tenant, $2 text name, $3 text runtime, $4 jsonb settings.
-- Index: primary keys.
with agent as (
    insert into agents as a (tenant_id, name, newest_version) values ($1::text, $2::text, 1)
    on conflict (tenant_id, name) do update set newest_version = a.newest_version + 1, retired_at = null
    returning a.newest_version
)
insert into agent_versions (tenant_id, agent, version, runtime, settings)
select $1::text, $2::text, a.newest_version, $3::text, $4::jsonb from agent a
returning version
