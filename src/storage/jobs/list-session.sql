-- Jobs of one session, newest first. $1 bigint session, $2 text user or null (any), $3 text[] states or null, $4 text agent
-- or null, $5 bigint: below this num, $6 integer limit, $7 boolean: only userless. Index: jobs_by_session backwards.
select j.id, j.num, j.tenant_id, s.id as session_id, j.session_num, j.user_id, j.agent, j.agent_version, j.state,
    j.lease_id is not null as is_held, j.attempts, j.first_seq, j.question, j.metadata, j.sandbox_id, j.schedule_at,
    j.created_at, greatest(j.updated_at, d.updated_at) as updated_at, j.started_at, j.completed_at, j.canceled_at, j.error, j.outcome,
    j.webhook ->> 'url' as webhook_url, j.webhook ->> 'secret_ref' as webhook_secret_ref, coalesce(d.attempts, 0) as webhook_attempts,
    d.last_status as webhook_status, d.last_error as webhook_error, d.delivered_at as webhook_delivered_at
from jobs j join sessions s on s.num = j.session_num
left join lateral (
    select d.attempts, d.last_status, d.last_error, d.delivered_at, d.updated_at
    from webhook_deliveries d where j.webhook is not null and d.job_id = j.id and d.endpoint_id is null limit 1
) d on true
where j.session_num = $1::bigint
    and ($2::text is null or j.user_id = $2::text)
    and ($3::text[] is null or j.state = any ($3::text[]))
    and ($4::text is null or j.agent = $4::text)
    and ($5::bigint is null or j.num < $5::bigint)
    and (not $7::boolean or j.user_id is null)
order by j.num desc
limit $6::integer
