-- Versions of an agent, newest first, without their long parts. $1 text tenant, $2 text name, $3 integer version to go on
-- below or null, $4 integer limit. Index: primary keys.
select v.agent as name, v.version, v.runtime, v.settings - array['instructions', 'mcp_servers', 'output_schema'] as settings,
    v.created_at, a.retired_at
from agent_versions v join agents a on a.tenant_id = v.tenant_id and a.name = v.agent
where v.tenant_id = $1::text and v.agent = $2::text and v.version < coalesce($3::integer, 2147483647)
order by v.version desc
limit $4::integer
