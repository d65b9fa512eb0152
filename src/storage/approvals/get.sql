-- A request of any tenant, by id; one whose time is over shows as expired. $1 uuid. Index: primary keys.
select a.id, a.tenant_id, a.session_id, a.user_id, a.job_id, j.agent, a.kind, a.tool, a.input,
    case when a.state = 'pending' and a.expires_at <= statement_timestamp() then 'expired' else a.state end as state,
    a.on_expiry, a.message, a.decided_by, a.created_at, (extract(epoch from a.created_at) * 1000000)::bigint as created_micros,
    a.expires_at,
    case when a.state = 'pending' and a.expires_at <= statement_timestamp() then a.expires_at else a.decided_at end as decided_at
from approvals a join jobs j on j.id = a.job_id
where a.id = $1::uuid
