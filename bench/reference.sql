-- The plain-table reference: the same rows as kazi writes for an echo job, and nothing of what kazi adds to them
-- (no serial sessions, caps, fairness, fencing, repeated writes, or lanes). One SKIP LOCKED queue, as in any tutorial.
create table ref_sessions (num bigint generated always as identity primary key, tenant_id text, id text, user_id text,
    created_at timestamptz default clock_timestamp(), event_seq bigint not null default 0, job_seq bigint not null default 0,
    unique (tenant_id, id)) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0);
create table ref_jobs (id uuid primary key, num bigint generated always as identity, tenant_id text, session_num bigint,
    user_id text, agent text, state text not null default 'queued', attempts integer not null default 0, lease_id bigint,
    node_id bigint, question text, created_at timestamptz default clock_timestamp(), updated_at timestamptz,
    started_at timestamptz, completed_at timestamptz, error text, outcome jsonb)
    with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0);
create index ref_jobs_queued on ref_jobs (num) where state = 'queued';
create index ref_jobs_by_tenant on ref_jobs (tenant_id, num);
create table ref_events (session_num bigint, seq bigint, job_id uuid, type text, data jsonb, at timestamptz default clock_timestamp(),
    primary key (session_num, seq));
create table ref_messages (session_num bigint, seq bigint, id uuid default gen_random_uuid(), job_id uuid, role text, content jsonb,
    created_at timestamptz default clock_timestamp(), primary key (session_num, seq));
create index ref_messages_by_job on ref_messages (job_id, seq);
create table ref_steps (job_id uuid, ordinal integer, kind text, name text, state text, attempt integer, input jsonb, output jsonb,
    started_at timestamptz default clock_timestamp(), finished_at timestamptz, primary key (job_id, ordinal));
create sequence ref_leases;

create function ref_accept(items jsonb) returns integer language sql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
    with item as (
        select * from jsonb_to_recordset(items) i (id uuid, tenant_id text, session_id text, user_id text, agent text, question text)
    ),
    session as (
        insert into ref_sessions as s (tenant_id, id, user_id, event_seq, job_seq)
        select i.tenant_id, i.session_id, i.user_id, 1, 1 from item i
        on conflict (tenant_id, id) do update set event_seq = s.event_seq + 1, job_seq = s.job_seq + 1
        returning s.num, s.tenant_id, s.id, s.event_seq
    ),
    job as (
        insert into ref_jobs (id, tenant_id, session_num, user_id, agent, question, updated_at)
        select i.id, i.tenant_id, s.num, i.user_id, i.agent, i.question, clock_timestamp()
        from item i join session s on s.tenant_id = i.tenant_id and s.id = i.session_id
        returning id, session_num
    ),
    event as (
        insert into ref_events (session_num, seq, job_id, type, data)
        select s.num, s.event_seq, i.id, 'job.submitted', jsonb_build_object('agent', i.agent)
        from item i join session s on s.tenant_id = i.tenant_id and s.id = i.session_id
    )
    select count(*)::integer from job
$$;

create function ref_claim(slots integer, node bigint) returns table (id uuid, lease_id bigint, session_num bigint, question text)
language sql set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
    with due as (
        select j.id from ref_jobs j where j.state = 'queued' order by j.num limit slots for update skip locked
    ),
    job as (
        update ref_jobs j set state = 'running', attempts = attempts + 1, lease_id = nextval('ref_leases'), node_id = node,
            started_at = clock_timestamp(), updated_at = clock_timestamp()
        where j.id = any (array(select due.id from due))
        returning j.id, j.lease_id, j.session_num, j.question
    ),
    session as (
        update ref_sessions s set event_seq = s.event_seq + 1 from job j where s.num = j.session_num
        returning s.num, s.event_seq, j.id, j.question
    ),
    event as (
        insert into ref_events (session_num, seq, job_id, type, data)
        select s.num, s.event_seq, s.id, 'job.started', '{"attempt": 1}' from session s
    ),
    message as (
        insert into ref_messages (session_num, seq, job_id, role, content)
        select s.num, s.event_seq, s.id, 'user', jsonb_build_array(jsonb_build_object('type', 'text', 'text', s.question)) from session s
    )
    select * from job
$$;

create function ref_complete(items jsonb) returns integer language sql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
    with item as (
        select * from jsonb_to_recordset(items) i (id uuid, lease_id bigint, question text, outcome jsonb)
    ),
    job as (
        update ref_jobs j set state = 'complete', completed_at = clock_timestamp(), updated_at = clock_timestamp(),
            lease_id = null, node_id = null, outcome = i.outcome
        from item i where j.id = i.id and j.lease_id = i.lease_id and j.state = 'running'
        returning j.id, j.session_num, i.question
    ),
    session as (
        update ref_sessions s set event_seq = s.event_seq + 3 from job j where s.num = j.session_num
        returning s.num, s.event_seq, j.id, j.question
    ),
    event as (
        insert into ref_events (session_num, seq, job_id, type, data)
        select s.num, s.event_seq - 3 + e.place, s.id, e.type, e.data
        from session s cross join (values (1, 'step.finished', '{"ordinal": 1, "name": "echo"}'::jsonb),
            (2, 'message.created', '{}'::jsonb), (3, 'job.completed', '{}'::jsonb)) e (place, type, data)
    ),
    step as (
        insert into ref_steps (job_id, ordinal, kind, name, state, attempt, finished_at)
        select s.id, 1, 'tool', 'echo', 'finished', 1, clock_timestamp() from session s
    ),
    message as (
        insert into ref_messages (session_num, seq, job_id, role, content)
        select s.num, s.event_seq - 1, s.id, 'assistant', jsonb_build_array(jsonb_build_object('type', 'text', 'text', s.question)) from session s
    )
    select count(*)::integer from job
$$;
