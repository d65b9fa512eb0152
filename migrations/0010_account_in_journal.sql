-- The journal learns what runs of models write: what a call cost, what people are asked, summaries, and which pieces of a
-- message are no longer needed because the whole one is there. Ended jobs give back what they hold.

drop function write_journal(jsonb);

-- Null, or {calls: [{ordinal, provider, model, usage, cost_micros, duration_ms}], approvals: [{id, ordinal, kind, tool, input,
-- expires_ms, on_expiry}], summary: text, compact: {step, after_seq}}.
alter type journal_entry add attribute notes jsonb;

-- Writes what entries bring beside their events; seqs: the newest of each entry's session. The sessions are locked.
create function write_notes(p_entries journal_entry[], p_seqs bigint[]) returns void
language plpgsql
set enable_seqscan = off
as $$
declare
    v_call record;
begin
    delete from events e
    using (
        select n.session_num, n.job_id, (n.notes -> 'compact' ->> 'step') as step,
            greatest((n.notes -> 'compact' ->> 'after_seq')::bigint, j.first_seq) as after_seq
        from unnest(p_entries) n join jobs j on j.id = n.job_id
        where n.notes ? 'compact'
    ) c
    where e.session_num = c.session_num and e.seq > c.after_seq and e.job_id = c.job_id and e.type = 'message.delta'
        and e.data ->> 'step' = c.step;

    insert into summaries (session_num, seq, job_id, text)
    select n.session_num, n.seq, n.job_id, n.notes ->> 'summary'
    from unnest(p_entries, p_seqs) n (ord, session_num, job_id, attempt, lease_id, write_num, events, artifacts, finish,
        sandbox_id, notes, seq)
    where n.notes ? 'summary';

    insert into approvals (
        id, tenant_id, session_num, session_id, user_id, job_id, ordinal, kind, tool, input, on_expiry, expires_at
    )
    select a.id, j.tenant_id, j.session_num, s.id, j.user_id, j.id, a.ordinal, a.kind, a.tool, a.input, a.on_expiry,
        clock_timestamp() + a.expires_ms * interval '1 ms'
    from unnest(p_entries) n
    join jobs j on j.id = n.job_id
    join sessions s on s.num = j.session_num
    cross join lateral jsonb_to_recordset(n.notes -> 'approvals')
        a (id uuid, ordinal integer, kind text, tool text, input jsonb, on_expiry text, expires_ms bigint)
    where n.notes ? 'approvals'
    on conflict (id) do nothing;

    perform lock_spending(array(select n.job_id from unnest(p_entries) n where n.notes ? 'calls'));
    for v_call in
        select j.id as job_id, j.agent, c.ordinal, c.provider, c.model, c.usage, c.cost_micros, c.duration_ms
        from unnest(p_entries) n
        join jobs j on j.id = n.job_id
        cross join lateral jsonb_to_recordset(n.notes -> 'calls')
            c (ordinal integer, provider text, model text, usage jsonb, cost_micros bigint, duration_ms bigint)
        where n.notes ? 'calls'
        order by j.id, c.ordinal
    loop
        insert into model_calls (
            job_id, ordinal, tenant_id, session_id, user_id, api_key_id, root_job, agent, provider, model, input_tokens,
            cache_read_tokens, cache_write_tokens, output_tokens, reasoning_tokens, cost_micros, duration_ms
        )
        select v_call.job_id, v_call.ordinal, b.tenant_id, b.session_id, b.user_id, b.api_key_id, b.root_job, v_call.agent,
            v_call.provider, v_call.model, (v_call.usage ->> 'inputTokens')::bigint,
            (v_call.usage ->> 'cacheReadTokens')::bigint, (v_call.usage ->> 'cacheWriteTokens')::bigint,
            (v_call.usage ->> 'outputTokens')::bigint, (v_call.usage ->> 'reasoningTokens')::bigint, v_call.cost_micros,
            v_call.duration_ms
        from job_budgets b where b.job_id = v_call.job_id
        on conflict (job_id, ordinal) do nothing;
        -- Of a call without a known price the estimate stays charged.
        if found then
            perform charge_job(v_call.job_id,
                coalesce(v_call.cost_micros, (select b.own_held_micros from job_budgets b where b.job_id = v_call.job_id)), 0, 1);
        end if;
    end loop;
end
$$;

-- outcome: written; repeated (was written before); lost (another node has the job, or it ended). canceled tells the
-- runner to stop: the entry of a canceled job is kept, its state is not touched. waiting: parked jobs that may have waited
-- for the end of one of these; they are woken afterwards, because their sessions must not be locked here.
create function write_journal(p_entries jsonb)
returns table (ord integer, outcome text, canceled boolean, last_seq bigint, ready_lanes integer[], waiting uuid[])
language plpgsql
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
#variable_conflict use_column
declare
    v_entries journal_entry[];
    v_written integer[];
    v_canceled boolean[];
    v_seqs bigint[];
    v_freed bigint[];
    v_ended uuid[];
    v_noted journal_entry[];
    v_noted_seqs bigint[];
    v_lanes integer[] := '{}';
    v_waiting uuid[] := '{}';
begin
    select array_agg(e order by e.ord) into v_entries from jsonb_populate_recordset(null::journal_entry, p_entries) e;

    -- The session row is locked, fenced and counted in one write: the lease and the number are compared with the row as it
    -- is once locked. A session has one held job, so an entry at most matches it.
    with moved as (
        update sessions s set
            event_seq = s.event_seq + jsonb_array_length(e.events),
            write_num = e.write_num,
            running_job = case when e.ends then null else s.running_job end,
            lease_id = case when e.ends then null else s.lease_id end
        from (
            select u.*, coalesce(u.finish, 'null') <> 'null' as ends from unnest(v_entries) u order by u.session_num
        ) e
        where s.num = e.session_num and s.lease_id = e.lease_id and s.write_num < e.write_num
        returning e.*, s.is_canceled, s.queued_jobs, s.event_seq
    ),
    lines as (
        select m.session_num, m.job_id, m.attempt, l.line, m.event_seq - jsonb_array_length(m.events) + l.at as seq,
               case when m.is_canceled and l.line ->> 'type' in ('job.completed', 'job.failed') then 'job.stopped'
                    else l.line ->> 'type' end as type
        from moved m cross join lateral jsonb_array_elements(m.events) with ordinality l (line, at)
    ),
    logged as (
        insert into events (session_num, seq, job_id, type, data)
        select l.session_num, l.seq, l.job_id, l.type, coalesce(l.line -> 'data', '{}') from lines l
    ),
    said as (
        insert into messages (session_num, seq, job_id, role, content)
        select l.session_num, l.seq, l.job_id, l.line -> 'message' ->> 'role', l.line -> 'message' -> 'content'
        from lines l where l.line ? 'message'
    ),
    stepped as (
        insert into steps (job_id, ordinal, kind, name, state, attempt, input, output, finished_at)
        select l.job_id, t.ordinal, t.kind, t.name, t.state, l.attempt, t.input, t.output,
               case when t.state <> 'started' then clock_timestamp() end
        from lines l
        cross join lateral jsonb_to_record(l.line -> 'step')
            t (ordinal integer, kind text, name text, state text, input jsonb, output jsonb)
        where l.line ? 'step'
        on conflict (job_id, ordinal) do update set
            state = excluded.state, attempt = excluded.attempt, output = excluded.output, finished_at = excluded.finished_at,
            started_at = case when excluded.state = 'started' then excluded.started_at else steps.started_at end
        where steps.state <> 'finished'
    ),
    files as (
        select f.job_id, a.path, a.sha256, a.size_bytes, a.content_type, a.modified_at, a.created_at
        from moved f
        cross join lateral jsonb_to_recordset(f.artifacts) a (
            path text, sha256 text, size_bytes bigint, content_type text, modified_at timestamptz, created_at timestamptz
        )
        where jsonb_typeof(f.artifacts) = 'array'
    ),
    stored as (
        insert into blobs (sha256, size_bytes) select distinct on (f.sha256) f.sha256, f.size_bytes from files f order by f.sha256
        on conflict (sha256) do nothing
    ),
    published as (
        insert into artifacts (job_id, path, sha256, size_bytes, content_type, modified_at, created_at)
        select f.job_id, f.path, f.sha256, f.size_bytes, f.content_type, f.modified_at, f.created_at from files f
        on conflict (job_id, path) do nothing
    ),
    ended as (
        update jobs j set
            state = case when j.state = 'canceled' then j.state else m.finish ->> 'state' end,
            completed_at = case when j.state = 'canceled' then null else clock_timestamp() end,
            error = case when j.state = 'canceled' then j.error else m.finish ->> 'error' end,
            outcome = nullif(m.finish -> 'outcome', 'null'),
            sandbox_id = coalesce(m.sandbox_id, j.sandbox_id),
            lease_id = null, node_id = null, updated_at = clock_timestamp()
        from moved m
        where j.id = m.job_id and m.ends
    ),
    placed as (
        update jobs j set sandbox_id = m.sandbox_id, updated_at = clock_timestamp()
        from moved m
        where j.id = m.job_id and m.sandbox_id is not null and not m.ends
    )
    select array_agg(m.ord), array_agg(m.is_canceled), array_agg(m.event_seq),
           array_agg(m.session_num) filter (where m.ends and m.queued_jobs > 0),
           array_agg(m.job_id) filter (where m.ends)
    into v_written, v_canceled, v_seqs, v_freed, v_ended from moved m;

    -- Only runs of models have these.
    select array_agg(e order by e.ord), array_agg(w.seq order by e.ord) into v_noted, v_noted_seqs
    from unnest(v_entries) e join unnest(v_written, v_seqs) w (ord, seq) on w.ord = e.ord
    where e.notes is not null;
    if v_noted is not null then
        -- For the calls and the ends at once: two batches that took the tenants of each apart could wait for each other.
        perform lock_spending(array(select n.job_id from unnest(v_noted) n where n.notes ? 'calls') || v_ended);
        perform write_notes(v_noted, v_noted_seqs);
    end if;
    if v_ended is not null then
        v_waiting := close_budgets(v_ended);
        perform withdraw_approvals(v_ended);
    end if;

    -- A new statement, which sees what was accepted while the first one waited for its locks.
    if v_freed is not null then
        v_lanes := refresh_heads(v_freed);
    end if;

    return query
    select w.ord, 'written'::text, w.canceled, w.seq, v_lanes, v_waiting
    from unnest(v_written, v_canceled, v_seqs) w (ord, canceled, seq);
    if cardinality(v_entries) > coalesce(cardinality(v_written), 0) then
        return query
        select e.ord, case when j.lease_id is not distinct from e.lease_id then 'repeated' else 'lost' end,
               coalesce(j.state = 'canceled', false), null::bigint, '{}'::integer[], '{}'::uuid[]
        from unnest(v_entries) e left join jobs j on j.id = e.job_id
        where e.ord <> all (coalesce(v_written, '{}'));
    end if;
end
$$;

-- As in 0007; a job that ends gives back what it holds, and what it asked is off the table.
create or replace function cancel_job(p_id uuid)
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
    perform withdraw_approvals(array[p_id]);
    if v_lease is null then
        perform close_budgets(array[p_id]);
    end if;
    return query select v_session, v_node, true,
        case when v_lease is null then refresh_heads(array[v_session]) else '{}'::integer[] end;
end
$$;

-- As in 0007, with the same addition.
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
