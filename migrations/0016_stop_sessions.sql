-- Stops: a run is ended at its next step, or at once. Also the reason why a job was canceled, in its event.

create table session_stops (
    session_num bigint primary key references sessions (num),
    -- The run that is to stop; no other one is touched.
    job_id uuid not null,
    -- Newest event when it was asked for: a job that starts later ends the entry.
    seq bigint not null,
    mode text not null check (mode in ('graceful', 'immediate')),
    reason text,
    requested_by text,
    requested_at timestamptz not null default clock_timestamp(),
    expires_at timestamptz not null,
    -- When its runner had seen it; null for one that ended without.
    acknowledged_at timestamptz
);

drop function cancel_job(uuid);

-- As in 0010; p_reason is shown in the event: null = somebody canceled it, else stopped, interrupted, removed, expired.
create function cancel_job(p_id uuid, p_reason text)
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
    select v_session, c.event_seq, p_id, 'job.canceled',
        jsonb_strip_nulls(jsonb_build_object('was_running', v_lease is not null, 'reason', p_reason))
    from counted c;
    perform withdraw_approvals(array[p_id]);
    if v_lease is null then
        perform close_budgets(array[p_id]);
    end if;
    return query select v_session, v_node, true,
        case when v_lease is null then refresh_heads(array[v_session]) else '{}'::integer[] end;
end
$$;

-- The run of a session that the caller has locked: what a node holds, or what waits in the middle of its work; else null.
create function run_of_session(p_session bigint) returns uuid
language sql stable
as $$
    select coalesce(s.running_job, (
        select j.id from jobs j
        where j.session_num = s.num and j.state = 'queued' and j.attempts > 0
        order by j.order_at, j.pos limit 1
    ))
    from sessions s where s.num = p_session
$$;

-- Asks the run of a session to stop. outcome: idle (nothing runs, nothing is stored); requested; escalated (a graceful one
-- became immediate); pending (was asked before). has_ended: nobody had to be told. A run that waits without a process stands
-- between two steps, so any stop ends it.
create function request_stop(p_session bigint, p_mode text, p_reason text, p_by text, p_keep_ms bigint)
returns table (outcome text, job_id uuid, has_ended boolean, lanes integer[])
language plpgsql
set enable_seqscan = off
as $$
#variable_conflict use_column
declare
    v_job uuid;
    v_lease bigint;
    v_stop session_stops;
begin
    outcome := 'idle';
    has_ended := false;
    lanes := '{}';
    perform 1 from sessions s where s.num = p_session for no key update;
    select run_of_session(p_session) into v_job;
    if v_job is null then
        return next;
        return;
    end if;
    job_id := v_job;
    select s.* into v_stop from session_stops s
    where s.session_num = p_session and s.job_id = v_job and s.expires_at > clock_timestamp();
    if not found then
        outcome := 'requested';
        insert into session_stops as t (session_num, job_id, seq, mode, reason, requested_by, expires_at)
        select p_session, v_job, s.event_seq, p_mode, p_reason, p_by, clock_timestamp() + p_keep_ms * interval '1 ms'
        from sessions s where s.num = p_session
        on conflict (session_num) do update set
            job_id = excluded.job_id, seq = excluded.seq, mode = excluded.mode, reason = excluded.reason,
            requested_by = excluded.requested_by, requested_at = excluded.requested_at, expires_at = excluded.expires_at,
            acknowledged_at = null;
    elsif v_stop.mode = 'graceful' and p_mode = 'immediate' then
        outcome := 'escalated';
        update session_stops t set mode = 'immediate', reason = coalesce(p_reason, t.reason) where t.session_num = p_session;
    else
        outcome := 'pending';
        return next;
        return;
    end if;
    select j.lease_id into v_lease from jobs j where j.id = v_job;
    if p_mode = 'immediate' or v_lease is null then
        select c.lanes into lanes from cancel_job(v_job, 'stopped') c;
        has_ended := v_lease is null;
    end if;
    return next;
end
$$;
