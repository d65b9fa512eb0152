-- The job of a session that a node holds. $1 bigint session. Index: sessions primary key, jobs primary key.
select j.id, j.agent, j.agent_version from sessions s join jobs j on j.id = s.running_job where s.num = $1::bigint
