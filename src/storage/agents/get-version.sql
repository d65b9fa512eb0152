-- One version of an agent, retired or not. $1 text tenant, $2 text name, $3 integer version. Index: primary key.
select v.agent as name, v.version, v.runtime, v.settings
from agent_versions v where v.tenant_id = $1::text and v.agent = $2::text and v.version = $3::integer
