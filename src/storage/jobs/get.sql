-- One job. $1 uuid. Index: jobs primary key.
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
where j.id = $1::uuid
