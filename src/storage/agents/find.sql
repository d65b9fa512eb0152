-- The newest version of an agent of a tenant. $1 text tenant, $2 text name. Index: primary keys.
select a.name, v.version, v.runtime, v.settings
from agents a join agent_versions v on v.tenant_id = a.tenant_id and v.agent = a.name and v.version = a.newest_version
where a.tenant_id = $1::text and a.name = $2::text and a.retired_at is null
