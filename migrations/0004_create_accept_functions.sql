-- Accept: jobs enter the queue of their session. docs/decisions/0002 explains the locking; the order is
-- tenant -> session (by num) -> job -> rest. Each function is one round trip and waits for nobody but row locks.

create type job_submission as (
    ord integer,
    id uuid,
    tenant_id text,
    session_id text,
    -- Where the caller knows it: sessions that exist are locked in the order of their numbers.
    session_num bigint,
    user_id text,
    -- False for a principal without a user: it may add work to a session whoever owns it.
    enforce_user boolean,
    lane_id integer,
    agent text,
    agent_version integer,
    priority smallint,
    -- Null = now.
    schedule_at timestamptz,
    question text,
    metadata jsonb,
    request_hash bigint,
    idempotency_scope bytea,
    idempotency_hash bytea,
    idempotency_response text,
    idempotency_ms bigint,
    -- Given on the way in, in the order of the input.
    num bigint
);

-- Fails the batch of a submission whose session turned out to be another user's.
create function refuse_session(p_session text)
returns boolean
language plpgsql
as $$
begin
    raise exception 'session % belongs to another user', p_session using errcode = 'KZ001';
end
$$;

-- Takes a batch. A batch fails as a whole, so the caller repeats its members alone.
-- outcome: accepted; replay (the idempotency key is taken: read its row).
create function accept_jobs(p_items jsonb)
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
        i.idempotency_response, i.idempotency_ms, nextval('job_nums')
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
        where not i.enforce_user or s.user_id is not distinct from i.user_id or refuse_session(i.session_id)
        window whole as (partition by s.num), arrival as (partition by s.num order by i.ord)
    ),
    made as (
        insert into jobs (
            id, num, tenant_id, session_num, lane_id, user_id, agent, agent_version, priority, order_at, pos, run_at,
            schedule_at, first_seq, question, metadata, request_hash, created_at, updated_at
        )
        select p.id, p.num, p.tenant_id, p.s_num, p.lane_id, p.user_id, p.agent, p.agent_version, p.priority, p.place_at,
               p.pos, p.place_at, p.schedule_at, p.seq, p.question, p.metadata, p.request_hash, p.made_at, p.made_at
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

-- Recomputes the heads of sessions that the caller has locked, from their jobs; returns the lanes that got ready work.
create function refresh_heads(p_sessions bigint[])
returns integer[]
language plpgsql
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
    v_lanes integer[];
begin
    with heads as (
        select o.num as session_num, q.*
        from unnest(p_sessions) n (num)
        join sessions o on o.num = n.num
        left join lateral (
            select j.id, j.lane_id, j.priority, j.order_at, j.run_at, j.num from jobs j
            where o.running_job is null and j.session_num = o.num and j.state = 'queued'
            order by j.order_at, j.pos limit 1
        ) q on true
    ),
    moved as (
        update sessions s set
            head_job = h.id, head_lane = h.lane_id, head_priority = h.priority, head_order_at = h.order_at,
            head_run_at = h.run_at, head_num = h.num, head_ready = coalesce(h.run_at <= clock_timestamp(), false)
        from heads h
        where s.num = h.session_num
        returning case when s.head_ready then s.head_lane end as lane
    )
    select coalesce(array_agg(distinct m.lane) filter (where m.lane is not null), '{}') into v_lanes from moved m;
    return v_lanes;
end
$$;

-- Puts the due heads into the claim index; returns the lanes that got work and when the next head falls due.
create function promote_sessions(p_limit integer)
returns table (lanes integer[], promoted integer, next_in_ms double precision)
language plpgsql
set enable_seqscan = off
as $$
declare
    v_due bigint[];
    -- clock_timestamp() itself is no condition for an index: all delayed heads would be read, each time.
    v_now timestamptz := clock_timestamp();
begin
    select array_agg(d.num) into v_due
    from (
        select s.num from sessions s
        where s.head_job is not null and not s.head_ready and s.head_run_at <= v_now
        order by s.head_run_at
        limit p_limit
        for no key update skip locked
    ) d;
    if v_due is null then
        lanes := '{}';
        promoted := 0;
    else
        with up as (
            update sessions s set head_ready = true
            where s.num = any (v_due) and s.head_job is not null and not s.head_ready
            returning s.head_lane
        )
        select coalesce(array_agg(distinct head_lane), '{}'), count(*) into lanes, promoted from up;
    end if;
    -- Not min(): with old statistics PostgreSQL 15 reads the whole index for it.
    select extract(epoch from s.head_run_at - clock_timestamp()) * 1000 into next_in_ms
    from sessions s where s.head_job is not null and not s.head_ready
    order by s.head_run_at limit 1;
    return next;
end
$$;
