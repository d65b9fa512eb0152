-- Work that is only taken by a session with nothing else to do, and work that is not tried again after its node was lost:
-- somebody waits for its answer on an open connection.

alter type job_submission add attribute only_if_idle boolean;
alter type job_submission add attribute max_attempts integer;

-- Null = as many as the operator gives.
alter table jobs add column max_attempts integer;

-- Fails the batch of a submission whose session has other work that runs, waits for a person, or is due.
create function refuse_busy(p_session text)
returns boolean
language plpgsql
as $$
begin
    raise exception 'session % has other work', p_session using errcode = 'KZ002';
end
$$;

-- True when a job has no attempt left; never for an attempt that does not count (null).
create function has_used_attempts(p_job jobs, p_most integer)
returns boolean
language sql immutable
as $$
    select coalesce(p_job.attempts - p_job.spared_attempts >= least(p_most, p_job.max_attempts) and p_most is not null, false)
$$;

-- As in 0004, with the two new fields. A batch fails as a whole, so the caller repeats its members alone.
-- outcome: accepted; replay (the idempotency key is taken: read its row).
create or replace function accept_jobs(p_items jsonb)
returns table (ord integer, outcome text, session_num bigint, created_at timestamptz, ready_lane integer)
language plpgsql
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
-- A lone job costs 350 µs instead of 540: the plans of short arrays are otherwise made anew at each call.
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
    v_items job_submission[];
    v_replays integer[];
    v_early bigint[];
    v_now timestamptz;
begin
    select array_agg((
        i.ord, i.id, i.tenant_id, i.session_id, i.session_num, i.user_id, i.enforce_user, i.lane_id, i.agent, i.agent_version,
        i.priority, i.schedule_at, i.question, i.metadata, i.request_hash, i.idempotency_scope, i.idempotency_hash,
        i.idempotency_response, i.idempotency_ms, nextval('job_nums'), i.only_if_idle, i.max_attempts
    )::job_submission)
    into v_items from jsonb_populate_recordset(null::job_submission, p_items) i;

    if exists (select 1 from unnest(v_items) i where i.idempotency_scope is not null) then
        with won as (
            insert into idempotency_keys (scope, request_hash, status, response, expires_at)
            select i.idempotency_scope, i.idempotency_hash, 200, i.idempotency_response,
                   clock_timestamp() + i.idempotency_ms * interval '1 ms'
            from unnest(v_items) i where i.idempotency_scope is not null
            order by i.idempotency_scope
            on conflict (scope) do nothing
            returning scope
        )
        select array_agg(i.ord) into v_replays
        from unnest(v_items) i
        where i.idempotency_scope is not null and i.idempotency_scope not in (select scope from won);
        if v_replays is not null then
            return query select r, 'replay'::text, null::bigint, null::timestamptz, null::integer from unnest(v_replays) r;
            select array_agg(i) into v_items from unnest(v_items) i where i.ord <> all (v_replays);
            if v_items is null then
                return;
            end if;
        end if;
    end if;

    -- One write a session makes it or locks it, counts the new jobs, and settles the head. What is compared is the row
    -- as it is once locked, so commit order, position and time agree.
    v_now := clock_timestamp();
    with firsts as (
        select distinct on (i.tenant_id, i.session_id) i.*, greatest(v_now, i.schedule_at) as place_at,
               count(*) over (partition by i.tenant_id, i.session_id) as n
        from unnest(v_items) i
        order by i.tenant_id, i.session_id, greatest(v_now, i.schedule_at), i.ord
    ),
    kept as (
        insert into sessions as s (
            tenant_id, id, user_id, event_seq, job_seq, queued_jobs, last_at, head_job, head_lane, head_priority,
            head_order_at, head_run_at, head_num, head_ready
        )
        select f.tenant_id, f.session_id, f.user_id, f.n, f.n, f.n, v_now, f.id, f.lane_id, f.priority,
               f.place_at, f.place_at, f.num, f.place_at <= v_now
        from firsts f
        order by f.session_num, f.tenant_id, f.session_id
        on conflict (tenant_id, id) do update set
            event_seq = s.event_seq + excluded.event_seq,
            job_seq = s.job_seq + excluded.job_seq,
            queued_jobs = s.queued_jobs + excluded.queued_jobs,
            last_at = greatest(s.last_at, excluded.last_at),
            (head_job, head_lane, head_priority, head_order_at, head_run_at, head_num, head_ready) = (
                select t.* from (
                    select excluded.head_job, excluded.head_lane, excluded.head_priority,
                        greatest(s.last_at, excluded.head_order_at), greatest(s.last_at, excluded.head_run_at),
                        excluded.head_num, excluded.head_ready
                    where s.running_job is null
                        and (s.head_job is null or s.head_order_at > greatest(s.last_at, excluded.head_order_at))
                    union all
                    select s.head_job, s.head_lane, s.head_priority, s.head_order_at, s.head_run_at, s.head_num, s.head_ready
                ) t limit 1
            )
        returning s.num, s.last_at
    )
    select array_agg(k.num) into v_early from kept k where k.last_at > v_now;

    return query
    with placed as (
        select i.*, s.num as s_num, s.last_at as made_at, greatest(s.last_at, i.schedule_at) as place_at,
               s.event_seq - count(*) over whole + row_number() over arrival as seq,
               s.job_seq - count(*) over whole + row_number() over arrival as pos,
               case when s.head_job = i.id and s.head_ready then i.lane_id end as ready_lane
        from unnest(v_items) i
        join sessions s on s.tenant_id = i.tenant_id and s.id = i.session_id
        where (not i.enforce_user or s.user_id is not distinct from i.user_id or refuse_session(i.session_id))
            and (i.only_if_idle is not true or (s.running_job is null and s.head_job = i.id) or refuse_busy(i.session_id))
        window whole as (partition by s.num), arrival as (partition by s.num order by i.ord)
    ),
    made as (
        insert into jobs (
            id, num, tenant_id, session_num, lane_id, user_id, agent, agent_version, priority, order_at, pos, run_at,
            schedule_at, first_seq, question, metadata, request_hash, created_at, updated_at, max_attempts
        )
        select p.id, p.num, p.tenant_id, p.s_num, p.lane_id, p.user_id, p.agent, p.agent_version, p.priority, p.place_at,
               p.pos, p.place_at, p.schedule_at, p.seq, p.question, p.metadata, p.request_hash, p.made_at, p.made_at, p.max_attempts
        from placed p
    ),
    logged as (
        insert into events (session_num, seq, job_id, type, data, at)
        select p.s_num, p.seq, p.id, 'job.submitted', jsonb_build_object('agent', p.agent), p.made_at
        from placed p
    )
    select p.ord, 'accepted'::text, p.s_num, p.made_at, p.ready_lane from placed p;

    -- A session whose newest job is later than our clock: the server's clock was set back, and jobs that were due at
    -- different times are now due at the same one. Their positions decide.
    if v_early is not null then
        perform refresh_heads(v_early);
    end if;
end
$$;

-- As in 0010; a job may have fewer attempts than the operator gives.
create or replace function release_jobs(p_jobs uuid[], p_leases bigint[], p_delays_ms bigint[], p_reason text, p_max_attempts integer, p_skip_locked boolean)
returns table (released integer, sessions bigint[], lanes integer[])
language plpgsql
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
#variable_conflict use_column
declare
    v_sessions bigint[];
    v_ended uuid[];
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
                         when has_used_attempts(j, p_max_attempts) then 'failed'
                         else 'queued' end,
            completed_at = case when j.state <> 'canceled' and has_used_attempts(j, p_max_attempts) then clock_timestamp() end,
            error = case when j.state = 'canceled' then j.error
                         when has_used_attempts(j, p_max_attempts) then format('Job abandoned after %s attempts', j.attempts) end,
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
    select count(*), coalesce(array_agg(c.session_num), '{}'), array_agg(c.id) filter (where c.state <> 'queued')
    into released, sessions, v_ended from changed c;
    if v_ended is not null then
        perform close_budgets(v_ended);
        perform withdraw_approvals(v_ended);
    end if;
    lanes := refresh_heads(sessions);
    return next;
end
$$;
