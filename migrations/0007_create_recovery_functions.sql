-- Cancel, release and rescue: the other ways in which a job leaves its node or its queue. Each locks the sessions first,
-- changes the jobs in a second statement, and recomputes the heads in a third, which can see what the second put back.

-- Cancels a job for good. A queued job never runs; a held one stays with its node until that lets it go, and its
-- session stays busy until then. Returns no row for an unknown job; changed is false when it had already ended.
create function cancel_job(p_id uuid)
returns table (session_num bigint, node_id bigint, changed boolean, lanes integer[])
language plpgsql
set enable_seqscan = off
as $$
#variable_conflict use_column
declare
    v_session bigint;
    v_node bigint;
    v_lease bigint;
begin
    select j.session_num into v_session from jobs j where j.id = p_id;
    if not found then
        return;
    end if;
    perform 1 from sessions s where s.num = v_session for no key update;
    update jobs j set state = 'canceled', canceled_at = clock_timestamp(), updated_at = clock_timestamp()
    where j.id = p_id and j.state in ('queued', 'running')
    returning j.node_id, j.lease_id into v_node, v_lease;
    if not found then
        return query select v_session, null::bigint, false, '{}'::integer[];
        return;
    end if;
    with counted as (
        update sessions s set
            event_seq = s.event_seq + 1,
            queued_jobs = s.queued_jobs - case when v_lease is null then 1 else 0 end,
            is_canceled = s.is_canceled or v_lease is not null,
            head_job = null, head_lane = null, head_priority = null, head_order_at = null, head_run_at = null, head_num = null, head_ready = false
        where s.num = v_session
        returning s.event_seq
    )
    insert into events (session_num, seq, job_id, type, data)
    select v_session, c.event_seq, p_id, 'job.canceled', jsonb_build_object('was_running', v_lease is not null) from counted c;
    return query select v_session, v_node, true,
        case when v_lease is null then refresh_heads(array[v_session]) else '{}'::integer[] end;
end
$$;

-- Gives held jobs back to their queues, from their node (p_leases names the claims) or from the rescuer.
-- A job that has used p_max_attempts fails; null: the start was not the job's fault and does not count. A canceled job is only let go.
create function release_jobs(p_jobs uuid[], p_leases bigint[], p_delays_ms bigint[], p_reason text, p_max_attempts integer, p_skip_locked boolean)
returns table (released integer, sessions bigint[], lanes integer[])
language plpgsql
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
#variable_conflict use_column
declare
    v_sessions bigint[];
begin
    if p_skip_locked then
        select array_agg(l.num) into v_sessions from (
            select s.num from sessions s
            where s.num in (select j.session_num from jobs j where j.id = any (p_jobs))
            order by s.num for no key update skip locked
        ) l;
    else
        select array_agg(l.num) into v_sessions from (
            select s.num from sessions s
            where s.num in (select j.session_num from jobs j where j.id = any (p_jobs))
            order by s.num for no key update
        ) l;
    end if;

    with given as (
        select g.job_id, g.lease_id, g.delay_ms from unnest(p_jobs, p_leases, p_delays_ms) g (job_id, lease_id, delay_ms)
    ),
    changed as (
        update jobs j set
            state = case when j.state = 'canceled' then 'canceled'
                         when j.attempts - j.spared_attempts >= p_max_attempts then 'failed'
                         else 'queued' end,
            completed_at = case when j.state <> 'canceled' and j.attempts - j.spared_attempts >= p_max_attempts then clock_timestamp() end,
            error = case when j.state = 'canceled' then j.error
                         when j.attempts - j.spared_attempts >= p_max_attempts then format('Job abandoned after %s attempts', j.attempts) end,
            -- Without a delay it keeps its place: a job of a dead node must not wait again behind a whole backlog.
            run_at = case when j.state = 'running' and g.delay_ms > 0 then clock_timestamp() + g.delay_ms * interval '1 ms'
                          else j.run_at end,
            spared_attempts = j.spared_attempts + case when p_max_attempts is null then 1 else 0 end,
            lease_id = null, node_id = null, updated_at = clock_timestamp()
        from given g
        where j.id = g.job_id and j.lease_id is not distinct from g.lease_id and j.session_num = any (v_sessions)
        returning j.id, j.session_num, j.state, j.attempts
    ),
    counted as (
        update sessions s set
            event_seq = s.event_seq + 1,
            queued_jobs = s.queued_jobs + case when c.state = 'queued' then 1 else 0 end,
            running_job = null, lease_id = null
        from changed c where s.num = c.session_num
        returning s.num, s.event_seq
    ),
    logged as (
        insert into events (session_num, seq, job_id, type, data)
        select c.session_num, n.event_seq, c.id,
            case c.state when 'canceled' then 'job.stopped' when 'failed' then 'job.failed' else 'job.requeued' end,
            jsonb_build_object('reason', p_reason, 'attempt', c.attempts)
        from changed c join counted n on n.num = c.session_num
    )
    select count(*), coalesce(array_agg(c.session_num), '{}') into released, sessions from changed c;
    lanes := refresh_heads(sessions);
    return next;
end
$$;

-- Declares the nodes dead whose lease has run out, and gives back what dead nodes hold, at most p_limit jobs a call.
create function rescue_jobs(p_limit integer, p_max_attempts integer)
returns table (dead bigint[], released integer, sessions bigint[], lanes integer[])
language plpgsql
set enable_seqscan = off
as $$
#variable_conflict use_column
declare
    v_jobs uuid[];
    v_leases bigint[];
    v_delays bigint[];
begin
    with expired as (
        select n.id from nodes n where n.died_at is null and n.expires_at <= clock_timestamp() order by n.id for update skip locked
    ),
    marked as (
        update nodes n set died_at = clock_timestamp() from expired e where n.id = e.id returning n.id
    )
    select coalesce(array_agg(m.id), '{}') into dead from marked m;

    select array_agg(h.id), array_agg(h.lease_id), array_agg(0::bigint) into v_jobs, v_leases, v_delays
    from (
        select j.id, j.lease_id from jobs j
        where j.lease_id is not null and not exists (select 1 from nodes n where n.id = j.node_id and n.died_at is null)
        limit p_limit
    ) h;
    if v_jobs is null then
        released := 0;
        sessions := '{}';
        lanes := '{}';
    else
        select r.released, r.sessions, r.lanes into released, sessions, lanes
        from release_jobs(v_jobs, v_leases, v_delays, 'The node that ran it was lost', p_max_attempts, true) r;
    end if;
    return next;
end
$$;
