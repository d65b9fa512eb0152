-- Runs ask for calls of models in batches, in the commit that says so, and wait for them without a process.

-- As in 0010, with the requests that entries bring ({requests: [{id, ordinal, name, try, provider, account, variant, model,
-- body, held_micros}]}), and the one that a call was made with (request_id).
create or replace function write_notes(p_entries journal_entry[], p_seqs bigint[]) returns void
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

    insert into model_requests (id, job_id, ordinal, name, try, provider, account, variant, model, body, bytes, held_micros)
    select r.id, n.job_id, r.ordinal, r.name, r.try, r.provider, r.account, r.variant, r.model, r.body, octet_length(r.body),
        r.held_micros
    from unnest(p_entries) n
    cross join lateral jsonb_to_recordset(n.notes -> 'requests') r (id uuid, ordinal integer, name text, try integer,
        provider text, account text, variant text, model text, body text, held_micros bigint)
    where n.notes ? 'requests'
    on conflict (id) do nothing;

    perform lock_spending(array(select n.job_id from unnest(p_entries) n where n.notes ? 'calls'));
    for v_call in
        select j.id as job_id, j.agent, c.ordinal, c.provider, c.model, c.usage, c.cost_micros, c.duration_ms, c.request_id
        from unnest(p_entries) n
        join jobs j on j.id = n.job_id
        cross join lateral jsonb_to_recordset(n.notes -> 'calls')
            c (ordinal integer, provider text, model text, usage jsonb, cost_micros bigint, duration_ms bigint,
                request_id uuid)
        where n.notes ? 'calls'
        order by j.id, c.ordinal
    loop
        insert into model_calls (
            job_id, ordinal, tenant_id, session_id, user_id, api_key_id, root_job, agent, provider, model, input_tokens,
            cache_read_tokens, cache_write_tokens, output_tokens, reasoning_tokens, cost_micros, duration_ms, is_batched
        )
        select v_call.job_id, v_call.ordinal, b.tenant_id, b.session_id, b.user_id, b.api_key_id, b.root_job, v_call.agent,
            v_call.provider, v_call.model, (v_call.usage ->> 'inputTokens')::bigint,
            (v_call.usage ->> 'cacheReadTokens')::bigint, (v_call.usage ->> 'cacheWriteTokens')::bigint,
            (v_call.usage ->> 'outputTokens')::bigint, (v_call.usage ->> 'reasoningTokens')::bigint, v_call.cost_micros,
            v_call.duration_ms, v_call.request_id is not null
        from job_budgets b where b.job_id = v_call.job_id
        on conflict (job_id, ordinal) do nothing;
        -- Of a call without a known price the estimate stays charged.
        if found then
            perform charge_job(v_call.job_id,
                coalesce(v_call.cost_micros, (select b.own_held_micros from job_budgets b where b.job_id = v_call.job_id)), 0, 1);
        end if;
        if v_call.request_id is not null then
            update model_requests r set state = 'settled', body = null, answer = null where r.id = v_call.request_id;
        end if;
    end loop;
end
$$;

-- As in 0009, for a job that waits for the answer of a model as well.
create or replace function park_job(p_job uuid, p_lease bigint, p_wake_ms bigint, p_reason text)
returns table (released integer, sessions bigint[], lanes integer[])
language plpgsql
set enable_seqscan = off
as $$
declare
    v_wake_ms bigint;
begin
    -- Decisions are made under this lock as well: each comes before the look below, or finds the job parked.
    perform 1 from sessions s where s.num = (select j.session_num from jobs j where j.id = p_job) for no key update;
    select least(p_wake_ms, ceil(extract(epoch from min(a.expires_at) - clock_timestamp()) * 1000)::bigint) into v_wake_ms
    from approvals a where a.job_id = p_job and a.state = 'pending' and a.expires_at > clock_timestamp();
    select r.released, r.sessions, r.lanes into released, sessions, lanes
    from release_jobs(array[p_job], array[p_lease], array[v_wake_ms], p_reason, null, false) r;
    if released > 0 and (
        -- One of several was decided during this attempt, perhaps after it looked. The next attempt will have seen it.
        exists (
            select 1 from approvals a join jobs j on j.id = a.job_id
            where a.job_id = p_job and a.state in ('allowed', 'denied') and a.decided_at >= j.started_at
        )
        -- As with a decision: its answer was stored before this lock, or its wake-up comes after it.
        or exists (
            select 1 from model_requests r join jobs j on j.id = r.job_id
            where r.job_id = p_job and r.state in ('answered', 'expired') and r.answered_at >= j.started_at
        )
        or (
            not exists (
                select 1 from approvals a where a.job_id = p_job and a.state = 'pending' and a.expires_at > clock_timestamp()
            )
            and not exists (
                select 1 from job_budgets b join jobs j on j.id = b.job_id
                where b.parent_job = p_job and j.state in ('queued', 'running')
            )
            and not exists (
                select 1 from model_requests r where r.job_id = p_job and r.state in ('collecting', 'submitted')
            )
        )
    )
    then
        lanes := lanes || wake_job(p_job);
    end if;
    return next;
end
$$;
