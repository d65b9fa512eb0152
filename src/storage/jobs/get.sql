-- One job. $1 uuid. Index: jobs primary key.
select j.id, j.num, j.tenant_id, s.id as session_id, j.session_num, j.user_id, j.agent, j.agent_version, j.state,
    j.lease_id is not null as is_held, j.attempts, j.first_seq, j.question, j.metadata, j.sandbox_id, j.schedule_at,
    j.created_at, j.updated_at, j.started_at, j.completed_at, j.canceled_at, j.error, j.outcome
from jobs j join sessions s on s.num = j.session_num
where j.id = $1::uuid
