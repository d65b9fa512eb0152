-- Claims due jobs for a node. $1 bigint node, $2 integer slots, $3 integer lane to go on after, $4 integer[] hinted lanes,
-- $5 integer default cap of a tenant, $6 integer lanes in the window. Index: sessions_ready, jobs_one_held.
select lost, cursor_lane, wrapped, contended, id, lease_id, num, tenant_id, session_num, session_id, user_id, agent, agent_version,
    attempts, question, metadata, created_at, started_at
from claim_jobs($1::bigint, $2::integer, $3::integer, $4::integer[], $5::integer, $6::integer)
