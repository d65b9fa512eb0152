-- The plain-table reference: kazi's own tables with their constraints, and one SKIP LOCKED queue over them, as in any
-- tutorial. It writes the rows that kazi writes for an echo job, and nothing of what kazi adds to them: no serial
-- sessions, no caps, no fairness, no delayed heads, no fencing, no protection against a write that is sent twice.
drop index sessions_ready, sessions_delayed, jobs_one_held, jobs_next;
create index jobs_due on jobs (run_at, num) where state = 'queued';

create function ref_accept(items jsonb) returns integer language sql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
    with item as (
        select * from jsonb_to_recordset(items)
            i (id uuid, tenant_id text, session_id text, user_id text, lane_id integer, agent text, question text)
    ),
    session as (
        insert into sessions as s (tenant_id, id, user_id, event_seq, job_seq, last_at)
        select i.tenant_id, i.session_id, i.user_id, 1, 1, clock_timestamp() from item i
        on conflict (tenant_id, id) do update set
            event_seq = s.event_seq + 1, job_seq = s.job_seq + 1, last_at = excluded.last_at
        returning s.num, s.tenant_id, s.id, s.event_seq, s.job_seq
    )
    select count(*)::integer from session
$$;

-- A second statement, as in kazi: the joined session is found by its index instead of among the batch.
create function ref_enqueue(items jsonb) returns integer language sql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
    with item as (
        select i.*, s.num as session_num, s.event_seq, s.job_seq, clock_timestamp() as now
        from jsonb_to_recordset(items)
            i (id uuid, tenant_id text, session_id text, user_id text, lane_id integer, agent text, question text)
        join sessions s on s.tenant_id = i.tenant_id and s.id = i.session_id
    ),
    event as (
        insert into events (session_num, seq, job_id, type, data)
        select i.session_num, i.event_seq, i.id, 'job.submitted', jsonb_build_object('agent', i.agent) from item i
    ),
    job as (
        insert into jobs (id, tenant_id, session_num, lane_id, user_id, agent, order_at, pos, run_at, question, created_at, updated_at)
        select i.id, i.tenant_id, i.session_num, i.lane_id, i.user_id, i.agent, i.now, i.job_seq, i.now, i.question, i.now, i.now
        from item i
        returning id
    )
    select count(*)::integer from job
$$;

create function ref_submit(items jsonb) returns integer language plpgsql as $$
begin
    perform ref_accept(items);
    return ref_enqueue(items);
end
$$;

create function ref_claim(slots integer, node bigint) returns table (id uuid, lease_id bigint, session_num bigint, question text)
language sql set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
    with due as (
        select j.id from jobs j where j.state = 'queued' and j.run_at <= clock_timestamp()
        order by j.run_at, j.num limit slots for update skip locked
    ),
    job as (
        update jobs j set state = 'running', attempts = attempts + 1, lease_id = nextval('lease_ids'), node_id = node,
            started_at = clock_timestamp(), updated_at = clock_timestamp()
        where j.id = any (array(select due.id from due))
        returning j.id, j.lease_id, j.session_num, j.question
    ),
    session as (
        update sessions s set event_seq = s.event_seq + 1 from job j where s.num = j.session_num
        returning s.num, s.event_seq, j.id, j.lease_id, j.question
    ),
    event as (
        insert into events (session_num, seq, job_id, type, data)
        select s.num, s.event_seq, s.id, 'job.started', '{"attempt": 1}' from session s
    ),
    message as (
        insert into messages (session_num, seq, job_id, role, content)
        select s.num, s.event_seq, s.id, 'user', jsonb_build_array(jsonb_build_object('type', 'text', 'text', s.question))
        from session s
    )
    select s.id, s.lease_id, s.num, s.question from session s
$$;

create function ref_complete(items jsonb) returns integer language sql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
    with item as (
        select * from jsonb_to_recordset(items) i (id uuid, lease_id bigint, question text, outcome jsonb)
    ),
    job as (
        update jobs j set state = 'complete', completed_at = clock_timestamp(), updated_at = clock_timestamp(),
            lease_id = null, node_id = null, outcome = i.outcome
        from item i where j.id = i.id and j.lease_id = i.lease_id and j.state = 'running'
        returning j.id, j.session_num, i.question
    ),
    session as (
        update sessions s set event_seq = s.event_seq + 3 from job j where s.num = j.session_num
        returning s.num, s.event_seq, j.id, j.question
    ),
    event as (
        insert into events (session_num, seq, job_id, type, data)
        select s.num, s.event_seq - 3 + e.place, s.id, e.type, e.data
        from session s cross join (values (1, 'step.finished', '{"ordinal": 1, "name": "echo"}'::jsonb),
            (2, 'message.created', '{}'::jsonb), (3, 'job.completed', '{}'::jsonb)) e (place, type, data)
    ),
    step as (
        insert into steps (job_id, ordinal, kind, name, state, attempt, finished_at)
        select s.id, 1, 'tool', 'echo', 'finished', 1, clock_timestamp() from session s
    ),
    message as (
        insert into messages (session_num, seq, job_id, role, content)
        select s.num, s.event_seq - 1, s.id, 'assistant', jsonb_build_array(jsonb_build_object('type', 'text', 'text', s.question))
        from session s
    )
    select count(*)::integer from job
$$;
