-- Requests of a tenant that wait for somebody, newest first. $1 text tenant, $2 text user or null (any), $3 boolean: only
-- userless, $4 text[] session ids or null (any), $5 bigint and $6 uuid: older than the one of this time (microseconds) and id,
-- or null, $7 integer limit. Index: approvals_pending backwards.
select a.id, a.tenant_id, a.session_id, a.user_id, a.job_id, j.agent, a.kind, a.tool, a.input, a.state as state,
    a.on_expiry, a.message, a.decided_by, a.created_at, (extract(epoch from a.created_at) * 1000000)::bigint as created_micros,
    a.expires_at, a.decided_at as decided_at
from approvals a join jobs j on j.id = a.job_id
where a.tenant_id = $1::text and a.state = 'pending' and a.expires_at > statement_timestamp()
    and ($2::text is null or a.user_id = $2::text)
    and (not $3::boolean or a.user_id is null)
    and ($4::text[] is null or a.session_id = any ($4::text[]))
    and ($5::bigint is null
        or (a.created_at, a.id) < (timestamptz 'epoch' + $5::bigint * interval '1 microsecond', $6::uuid))
order by a.created_at desc, a.id desc
limit $7::integer
