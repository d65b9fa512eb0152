-- Sessions of a tenant and what they are doing, newest first. $1 text tenant, $2 text user or null (any), $3 text[] session
-- ids or null (any), $4 bigint: below this num, $5 integer limit, $6 boolean: only userless. Index: sessions_by_tenant
-- backwards, events primary key, jobs primary key, jobs_by_session.
select
    s.num, s.tenant_id, s.id, s.user_id, s.created_at, s.queued_jobs,
    greatest(s.created_at, e.at) as last_active_at,
    r.question as current_prompt,
    exists (
        select 1 from approvals a
        where a.tenant_id = s.tenant_id and a.session_id = s.id and a.state = 'pending' and a.expires_at > clock_timestamp()
    ) as is_waiting,
    coalesce(l.state = 'failed', false) as has_failed
from (
    select * from sessions t
    where t.tenant_id = $1::text
        and ($2::text is null or t.user_id = $2::text)
        and ($3::text[] is null or t.id = any ($3::text[]))
        and ($4::bigint is null or t.num < $4::bigint)
        and (not $6::boolean or t.user_id is null)
    order by t.num desc
    limit $5::integer
) s
left join jobs r on r.id = s.running_job
left join lateral (select v.at from events v where v.session_num = s.num order by v.seq desc limit 1) e on true
left join lateral (
    select j.state from jobs j
    where j.session_num = s.num and j.started_at is not null and j.state in ('complete', 'failed', 'canceled')
    order by j.num desc limit 1
) l on true
order by s.num desc
