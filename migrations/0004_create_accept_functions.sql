-- Accept: jobs enter the queue of their session. docs/decisions/0001 explains the locking; the order is
-- tenant -> session (by num) -> job -> rest. Each function is one round trip and waits for nobody but row locks.

create type job_submission as (
    ord integer,
    id uuid,
    tenant_id text,
    session_id text,
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
    idempotency_ms bigint
);

-- Takes a batch; a batch fails as a whole, so the caller repeats its members alone.
-- outcome: accepted; replay (the idempotency key is taken: read its row); user_mismatch (the session is another user's).
create function accept_jobs(p_items jsonb)
returns table (ord integer, outcome text, session_num bigint, created_at timestamptz, ready_lane integer)
language plpgsql
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
#variable_conflict use_column
declare
    v_items job_submission[];
    v_replays integer[] := '{}';
    v_foreign integer[];
    v_sessions bigint[];
    v_now timestamptz;
begin
    select array_agg(i order by i.ord) into v_items from jsonb_populate_recordset(null::job_submission, p_items) i;

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
        select coalesce(array_agg(i.ord), '{}') into v_replays
        from unnest(v_items) i
        where i.idempotency_scope is not null and i.idempotency_scope not in (select scope from won);
        if v_replays <> '{}' then
            return query select r, 'replay'::text, null::bigint, null::timestamptz, null::integer from unnest(v_replays) r;
            select array_agg(i order by i.ord) into v_items from unnest(v_items) i where i.ord <> all (v_replays);
            if v_items is null then
                return;
            end if;
        end if;
    end if;

    insert into sessions (tenant_id, id, user_id)
    select distinct on (i.tenant_id, i.session_id) i.tenant_id, i.session_id, i.user_id
    from unnest(v_items) i
    order by i.tenant_id, i.session_id, i.ord
    on conflict (tenant_id, id) do nothing;

    -- Lock in one statement, decide in the next: a statement cannot see what was committed while it waited.
    select array_agg(l.num) into v_sessions
    from (
        select s.num from sessions s
        where (s.tenant_id, s.id) in (select i.tenant_id, i.session_id from unnest(v_items) i)
        order by s.num
        for no key update
    ) l;

    select array_agg(i.ord) into v_foreign
    from unnest(v_items) i join sessions s on s.tenant_id = i.tenant_id and s.id = i.session_id
    where i.enforce_user and s.user_id is distinct from i.user_id;
    if v_foreign is not null then
        delete from idempotency_keys where scope in (
            select i.idempotency_scope from unnest(v_items) i where i.ord = any (v_foreign)
        );
        return query select f, 'user_mismatch'::text, null::bigint, null::timestamptz, null::integer from unnest(v_foreign) f;
        select array_agg(i order by i.ord) into v_items from unnest(v_items) i where i.ord <> all (v_foreign);
        if v_items is null then
            return;
        end if;
    end if;

    v_now := clock_timestamp();

    -- The number comes first, so that nothing has to be read back from the rows that are inserted.
    return query
    with placed as (
        select i.*, s.num as s_num,
               s.event_seq + row_number() over arrival as seq,
               s.job_seq + row_number() over arrival as pos,
               greatest(s.last_at, v_now) as made_at,
               greatest(s.last_at, v_now, i.schedule_at) as place_at,
               s.running_job is null
                   and (s.head_job is null or s.head_order_at > greatest(s.last_at, v_now, i.schedule_at)) as takes,
               row_number() over (partition by s.num order by greatest(s.last_at, v_now, i.schedule_at), i.ord) as place,
               count(*) over (partition by s.num) as n
        -- Numbered on the way in: beside the windows the numbers would follow their sorting, not the input.
        from (select i.*, nextval('job_nums') as num from unnest(v_items) i) i
        join sessions s on s.tenant_id = i.tenant_id and s.id = i.session_id
        window arrival as (partition by s.num order by i.ord)
    ),
    made as (
        insert into jobs (
            id, num, tenant_id, session_num, lane_id, user_id, agent, agent_version, priority, order_at, pos, run_at,
            schedule_at, question, metadata, request_hash, created_at, updated_at
        )
        select p.id, p.num, p.tenant_id, p.s_num, p.lane_id, p.user_id, p.agent, p.agent_version, p.priority, p.place_at,
               p.pos, p.place_at, p.schedule_at, p.question, p.metadata, p.request_hash, p.made_at, p.made_at
        from placed p
    ),
    logged as (
        insert into events (session_num, seq, job_id, type, data, at)
        select p.s_num, p.seq, p.id, 'job.submitted', jsonb_build_object('agent', p.agent), p.made_at
        from placed p
    ),
    moved as (
        update sessions s set
            job_seq = s.job_seq + p.n,
            event_seq = s.event_seq + p.n,
            last_at = p.made_at,
            head_job = case when p.takes then p.id else s.head_job end,
            head_lane = case when p.takes then p.lane_id else s.head_lane end,
            head_priority = case when p.takes then p.priority else s.head_priority end,
            head_order_at = case when p.takes then p.place_at else s.head_order_at end,
            head_run_at = case when p.takes then p.place_at else s.head_run_at end,
            head_num = case when p.takes then p.num else s.head_num end,
            head_ready = case when p.takes then p.place_at <= v_now else s.head_ready end
        from placed p
        where s.num = p.s_num and p.place = 1
    )
    select p.ord, 'accepted'::text, p.s_num, p.made_at,
        case when p.place = 1 and p.takes and p.place_at <= v_now then p.lane_id end
    from placed p;
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
begin
    select array_agg(d.num) into v_due
    from (
        select s.num from sessions s
        where s.head_job is not null and not s.head_ready and s.head_run_at <= clock_timestamp()
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
    select extract(epoch from min(s.head_run_at) - clock_timestamp()) * 1000 into next_in_ms from sessions s where s.head_job is not null and not s.head_ready;
    return next;
end
$$;
