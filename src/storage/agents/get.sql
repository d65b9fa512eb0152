-- One version of an agent with its times, retired or not. $1 text tenant, $2 text name, $3 integer version or null for the
-- newest. Index: primary keys.
select a.name, v.version, v.runtime, v.settings, v.created_at, a.retired_at
from agents a
join agent_versions v
    on v.tenant_id = a.tenant_id and v.agent = a.name and v.version = coalesce($3::integer, a.newest_version)
where a.tenant_id = $1::text and a.name = $2::text
