-- Makes a session that goes on from what another one has committed: all that its jobs read as history, and what it has used
-- of its budget. What the source holds for its own open jobs stays with it. The caller has checked who owns the source, and
-- commits this together with the first job of the new session.
create function fork_session(p_source bigint, p_num bigint, p_id text, p_user text) returns void
language plpgsql
set enable_seqscan = off
as $$
declare
    v_source sessions;
begin
    select * into strict v_source from sessions s where s.num = p_source;

    -- The places of the messages stay: the log of the new session begins after them.
    insert into sessions (num, tenant_id, id, user_id, event_seq)
    overriding system value
    values (p_num, v_source.tenant_id, p_id, p_user, v_source.event_seq);

    -- What is committed from here on belongs to the source alone. The job is not named: its own messages are elsewhere.
    insert into messages (session_num, seq, role, content, created_at)
    select p_num, m.seq, m.role, m.content, m.created_at from messages m
    where m.session_num = p_source and m.seq <= v_source.event_seq;

    insert into summaries (session_num, seq, job_id, text, created_at)
    select p_num, u.seq, u.job_id, u.text, u.created_at from summaries u
    where u.session_num = p_source and u.seq <= v_source.event_seq;

    insert into accounts (tenant_id, kind, id, max_requests, max_cost_micros, requests, spent_micros)
    select a.tenant_id, a.kind, p_id, a.max_requests, a.max_cost_micros, a.requests, a.spent_micros from accounts a
    where a.tenant_id = v_source.tenant_id and a.kind = 'session' and a.id = v_source.id;
end
$$;
