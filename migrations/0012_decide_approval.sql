-- Decides a request of a job, and wakes the job that waits for it, in one step: there is no moment at which the decision is
-- made and the job would not learn of it. No row for an unknown request; changed is false for one that is not open any
-- more, whoever closed it. Lock order: session, job, request.
create function decide_approval(p_id uuid, p_state text, p_message text, p_by text)
returns table (changed boolean, session_num bigint, lanes integer[])
language plpgsql
set enable_seqscan = off
as $$
#variable_conflict use_column
declare
    v_job uuid;
    v_ordinal integer;
    v_kind text;
    v_tool text;
begin
    select a.job_id, a.session_num, a.ordinal, a.kind, a.tool into v_job, session_num, v_ordinal, v_kind, v_tool
    from approvals a where a.id = p_id;
    if not found then
        return;
    end if;
    perform 1 from sessions s where s.num = decide_approval.session_num for no key update;
    perform 1 from jobs j where j.id = v_job for no key update;
    -- Locked before its time is looked at: a job that reads the request waits, and never takes for expired what was decided.
    perform 1 from approvals a where a.id = p_id for update;
    update approvals a set state = p_state, message = p_message, decided_by = p_by, decided_at = clock_timestamp()
    where a.id = p_id and a.state = 'pending' and a.expires_at > clock_timestamp();
    changed := found;
    lanes := '{}';
    if changed then
        with counted as (
            update sessions s set event_seq = s.event_seq + 1 where s.num = decide_approval.session_num returning s.event_seq
        )
        insert into events (session_num, seq, job_id, type, data)
        select decide_approval.session_num, c.event_seq, v_job, 'approval.decided',
            jsonb_build_object('approval_id', p_id, 'ordinal', v_ordinal, 'kind', v_kind, 'tool', v_tool, 'state', p_state,
                'message', p_message, 'decided_by', p_by)
        from counted c;
        lanes := wake_job(v_job);
    end if;
    return next;
end
$$;
