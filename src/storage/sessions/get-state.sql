-- What a session is doing. $1 bigint session, $2 text user whose key is shown ('' = none). Index: sessions primary key,
-- events primary key, jobs primary key, jobs_by_session, approvals_by_session, session_keys_by_session.
select
    greatest(s.created_at, e.at) as last_active_at,
    r.question as current_prompt,
    k.key as session_key,
    exists (
        select 1 from approvals a
        where a.tenant_id = s.tenant_id and a.session_id = s.id and a.state = 'pending' and a.expires_at > clock_timestamp()
    ) as is_waiting,
    coalesce(l.state = 'failed', false) as has_failed
from sessions s
left join jobs r on r.id = s.running_job
left join lateral (select v.at from events v where v.session_num = s.num order by v.seq desc limit 1) e on true
left join lateral (
    select j.state from jobs j
    where j.session_num = s.num and j.started_at is not null and j.state in ('complete', 'failed', 'canceled')
    order by j.num desc limit 1
) l on true
left join lateral (
    select n.key from session_keys n
    where n.tenant_id = s.tenant_id and n.session_id = s.id and n.user_id = $2::text and n.expires_at > clock_timestamp()
    order by n.expires_at desc limit 1
) k on true
where s.num = $1::bigint
