-- Jobs of sessions with profiles, as runs. $1 uuid[]. Index: jobs, sessions, session_profiles and batches primary keys,
-- messages_by_job, model_calls primary key.
select j.id, j.num, j.tenant_id, s.id as session_id, j.session_num, j.user_id, j.state, j.lease_id is not null as is_held, j.attempts, j.metadata, j.error, j.created_at,
    j.started_at, coalesce(j.completed_at, j.canceled_at) as ended_at, run_stop_reason(j.state, j.outcome) as stop_reason,
    b.id as batch_id,
    case when j.started_at is not null then (
        select min(m.created_at) from messages m
        where m.job_id = j.id and m.role = 'assistant'
            and not exists (select 1 from batch_inputs i where i.job_id = j.id and i.id = m.id)
    ) end as first_output_at,
    u.calls, u.cost_micros, u.unknown_cost_calls, u.input_tokens, u.cache_read_tokens, u.cache_write_tokens, u.output_tokens, u.reasoning_tokens
from jobs j
join sessions s on s.num = j.session_num
join session_profiles p on p.session_num = j.session_num
left join batches b on b.num = j.batch_num
cross join lateral (
    select count(*) as calls, sum(c.cost_micros)::bigint as cost_micros, count(*) - count(c.cost_micros) as unknown_cost_calls,
        sum(c.input_tokens)::bigint as input_tokens, sum(c.cache_read_tokens)::bigint as cache_read_tokens,
        sum(c.cache_write_tokens)::bigint as cache_write_tokens, sum(c.output_tokens)::bigint as output_tokens,
        sum(c.reasoning_tokens)::bigint as reasoning_tokens
    from model_calls c where c.job_id = j.id
) u
where j.id = any ($1::uuid[])
