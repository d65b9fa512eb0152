-- The newest versions of the agents of a tenant that are not retired, without their long parts. $1 text tenant.
-- Index: primary keys.
select a.name, v.version, v.runtime, v.settings - array['instructions', 'mcp_servers', 'output_schema'] as settings, v.created_at,
    a.retired_at
from agents a join agent_versions v on v.tenant_id = a.tenant_id and v.agent = a.name and v.version = a.newest_version
where a.tenant_id = $1::text and a.retired_at is null
order by a.name
