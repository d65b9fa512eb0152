-- Claim: a node takes due jobs. Caps are counted under the tenants' row locks, so nothing can drift and no number of
-- nodes can pass them; tenants share by running jobs, that is by slot time.

-- lost is true when the node's lease has run out: it must stop all work and take a new node id. contended: other claims held
-- some of the tenants, which may have left work that nobody is told of again.
create function claim_jobs(
    p_node bigint, p_slots integer, p_after integer, p_hints integer[], p_tenant_cap integer, p_window integer
)
returns table (
    lost boolean, cursor_lane integer, wrapped boolean, contended boolean, id uuid, lease_id bigint, num bigint, tenant_id text, session_num bigint,
    session_id text, user_id text, agent text, agent_version integer, attempts integer, question text, metadata jsonb,
    created_at timestamptz, started_at timestamptz
)
language plpgsql
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
#variable_conflict use_column
declare
    v_lanes integer[];
    v_after integer := p_after;
    v_wrapped boolean := false;
    v_all integer[];
    v_tenants text[];
    v_locked text[];
begin
    -- The rescuer takes this row for update before it gives a dead node's jobs back: no claim slips in behind it.
    perform 1 from nodes n where n.id = p_node and n.died_at is null and n.expires_at > clock_timestamp() for key share;
    if not found then
        return query select true, p_after, false, false, null::uuid, null::bigint, null::bigint, null::text, null::bigint,
            null::text, null::text, null::text, null::integer, null::integer, null::text, null::jsonb, null::timestamptz, null::timestamptz;
        return;
    end if;

    -- 1. The window: one index descent a lane.
    with recursive walk as (
        (select s.head_lane as lane, 1 as n from sessions s where s.head_ready and s.head_lane > p_after order by s.head_lane limit 1)
        union all
        select (select s.head_lane from sessions s where s.head_ready and s.head_lane > w.lane order by s.head_lane limit 1), w.n + 1
        from walk w where w.lane is not null and w.n < p_window
    )
    select coalesce(array_agg(lane) filter (where lane is not null), '{}') into v_lanes from walk;
    if cardinality(v_lanes) < p_window then
        v_wrapped := true;
        with recursive walk as (
            (select s.head_lane as lane, 1 as n from sessions s where s.head_ready order by s.head_lane limit 1)
            union all
            select (select s.head_lane from sessions s where s.head_ready and s.head_lane > w.lane order by s.head_lane limit 1), w.n + 1
            from walk w where w.lane is not null and w.n < p_window - cardinality(v_lanes)
        )
        select v_lanes || coalesce(array_agg(lane) filter (where lane is not null and lane <= p_after), '{}') into v_lanes from walk;
    end if;
    if v_lanes <> '{}' then
        v_after := v_lanes[cardinality(v_lanes)];
    end if;
    select array_agg(distinct l.lane) into v_all from unnest(v_lanes || p_hints) l (lane);
    if v_all is null then
        return;
    end if;

    -- 2. The tenants of the window, without waiting for those that another node holds.
    select array_agg(distinct l.tenant_id) into v_tenants from lanes l where l.id = any (v_all);
    select array_agg(k.id) into v_locked
    from (select t.id from tenants t where t.id = any (v_tenants) order by t.id for no key update skip locked) k;
    if v_locked is null then
        return query select false, v_after, v_wrapped, true, null::uuid, null::bigint, null::bigint, null::text, null::bigint,
            null::text, null::text, null::text, null::integer, null::integer, null::text, null::jsonb, null::timestamptz, null::timestamptz;
        return;
    end if;

    -- 3. A new statement, so a snapshot newer than the locks: count, choose, take.
    return query
    with running as (
        select j.tenant_id, j.lane_id, count(*) as n
        from jobs j where j.lease_id is not null and j.tenant_id = any (v_locked)
        group by j.tenant_id, j.lane_id
    ),
    tenant_room as (
        select t.id, coalesce(sum(r.n), 0) as running,
               coalesce(t.max_running, p_tenant_cap) - coalesce(sum(r.n), 0) as room
        from tenants t left join running r on r.tenant_id = t.id
        where t.id = any (v_locked)
        group by t.id
    ),
    lane_room as (
        select l.id, l.tenant_id, tr.running, tr.room, l.id = any (p_hints) as hinted,
               least(tr.room, coalesce(l.max_running - coalesce(r.n, 0), tr.room),
                     p_slots / cardinality(v_locked) + 2) as take
        from tenant_room tr
        join lanes l on l.tenant_id = tr.id and l.id = any (v_all)
        left join running r on r.lane_id = l.id
        where tr.room > 0
    ),
    candidates as (
        select lr.tenant_id, lr.running, lr.room, lr.hinted, h.*
        from lane_room lr
        cross join lateral (
            select s.num as session_num, s.head_job, s.head_priority, s.head_run_at, s.head_num
            from sessions s
            where s.head_ready and s.head_lane = lr.id
            order by s.head_priority desc, s.head_run_at, s.head_num
            limit greatest(lr.take, 0)
        ) h
    ),
    ranked as (
        select c.*, row_number() over (
            partition by c.tenant_id order by c.head_priority desc, c.head_run_at, c.head_num
        ) as rn
        from candidates c
    ),
    picked as (
        select r.session_num, r.head_job from ranked r where r.rn <= r.room
        order by r.running + r.rn, r.hinted desc, random()
        limit p_slots
    ),
    -- By number and in its order, as all who lock several sessions do. The conditions are checked again on the row as it
    -- is once locked. None of them may imply head_ready: while the statistics say that no session is ready, the planner
    -- would read the whole claim index for each chosen session (237 ms instead of 0.3 with 1,760 ready).
    taken as (
        update sessions s set
            running_job = s.head_job, lease_id = nextval('lease_ids'), is_canceled = false, write_num = 0,
            event_seq = s.event_seq + 1, queued_jobs = s.queued_jobs - 1, head_job = null, head_lane = null,
            head_priority = null, head_order_at = null, head_run_at = null, head_num = null, head_ready = false
        from (select p.session_num, p.head_job from picked p order by p.session_num) c
        where s.num = c.session_num and s.head_job = c.head_job and s.head_run_at <= clock_timestamp()
        returning s.num, s.id, s.running_job, s.lease_id, s.event_seq
    ),
    started as (
        update jobs j set
            state = 'running', lease_id = t.lease_id, node_id = p_node, attempts = j.attempts + 1,
            started_at = clock_timestamp(), updated_at = clock_timestamp(), error = null
        from taken t
        where j.id = t.running_job
        returning j.id, j.lease_id, j.num, j.tenant_id, j.session_num, t.id as session_id, t.event_seq, j.user_id, j.agent,
            j.agent_version, j.attempts, j.question, j.metadata, j.created_at, j.started_at
    ),
    logged as (
        insert into events (session_num, seq, job_id, type, data)
        select j.session_num, j.event_seq, j.id, 'job.started', jsonb_build_object('attempt', j.attempts) from started j
    ),
    said as (
        insert into messages (session_num, seq, job_id, role, content)
        select j.session_num, j.event_seq, j.id, 'user',
               jsonb_build_array(jsonb_build_object('type', 'text', 'text', j.question))
        from started j
        where j.attempts = 1
    )
    select false, v_after, v_wrapped, cardinality(v_locked) < cardinality(v_tenants), j.id, j.lease_id, j.num, j.tenant_id, j.session_num, j.session_id, j.user_id, j.agent,
        j.agent_version, j.attempts, j.question, j.metadata, j.created_at, j.started_at
    from started j;
    if not found then
        return query select false, v_after, v_wrapped, cardinality(v_locked) < cardinality(v_tenants), null::uuid, null::bigint, null::bigint, null::text, null::bigint,
            null::text, null::text, null::text, null::integer, null::integer, null::text, null::jsonb, null::timestamptz, null::timestamptz;
    end if;
end
$$;
