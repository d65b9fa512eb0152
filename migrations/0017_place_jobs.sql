-- What happens to work for a session that is busy: it stands in the prompt queue, stops the run, speaks to it, joins what
-- waits, or is dropped. The decision and its effect are one transaction under the session's lock.

-- Input that a run may take, of which there is hardly ever any.
-- squawk-ignore require-concurrent-index-creation
create index jobs_steering on jobs (session_num) where state = 'queued' and kind = 'steer' and attempts = 0;

-- Fails a submission whose session holds as many prompts as it may. The detail is their number.
create function refuse_prompt(p_session text, p_count bigint) returns void
language plpgsql
as $$
begin
    raise exception 'the prompt queue of session % is full', p_session using errcode = 'KZ003', detail = p_count::text;
end
$$;

-- Prompts of a session that wait and have not expired, in the order in which they will run.
create function waiting_prompts(p_session bigint)
returns table (id uuid, question text, user_id text, created_at timestamptz, expires_at timestamptz, place bigint)
language sql stable
as $$
    select j.id, j.question, j.user_id, j.created_at, j.expires_at, row_number() over (order by j.order_at, j.pos)
    from jobs j
    where j.session_num = p_session and j.state = 'queued' and j.kind = 'prompt' and j.attempts = 0
        -- Said so that the index of all that expires is no way to find this: while it is empty, it would look cheapest.
        and coalesce(j.expires_at, '-infinity') > clock_timestamp()
$$;

-- Puts a job that has not started before all others of its session that have not; the session is locked. A run that waits
-- in the middle of its work stays first. Returns the lanes that got claimable work.
create function move_to_front(p_session bigint, p_job uuid) returns integer[]
language plpgsql
set enable_seqscan = off
as $$
declare
    v_front timestamptz;
begin
    select min(j.order_at) - interval '1 microsecond' into v_front
    from jobs j where j.session_num = p_session and j.state = 'queued' and j.attempts = 0 and j.id <> p_job;
    update jobs j set order_at = least(j.order_at, v_front) where j.id = p_job and v_front is not null;
    update jobs j set order_at = v_front - interval '1 microsecond'
    where j.session_num = p_session and j.attempts > 0 and j.order_at >= v_front and j.state = 'queued';
    update jobs j set order_at = v_front - interval '1 microsecond'
    where j.id = (select s.running_job from sessions s where s.num = p_session) and j.order_at >= v_front;
    return refresh_heads(array[p_session]);
end
$$;

-- Accepts one job by the rule that its client chose for a busy session. p_mode: enqueue, reject, interrupt, steer, merge,
-- drop. p_target: the run that would take input at its next step; null = none does. p_prompts: for a prompt, how many may
-- wait; null = it is none. p_characters: longest input that merging makes. p_responses: the answer to keep, by outcome; {queue_length} and {expires_at} (milliseconds)
-- are filled in.
-- outcome: started, queued, interrupted, steered, merged, dropped, replay (the idempotency key is taken: read its row).
create function place_job(
    p_item jsonb, p_mode text, p_target uuid, p_prompts integer, p_characters integer, p_responses jsonb
)
returns table (
    outcome text, job_id uuid, target_job uuid, session_num bigint, created_at timestamptz, expires_at timestamptz,
    lanes integer[], queue_length bigint
)
language plpgsql
set enable_seqscan = off
as $$
#variable_conflict use_column
declare
    v_item job_submission := jsonb_populate_record(null::job_submission, p_item);
    v_session sessions;
    v_is_busy boolean := false;
    v_run uuid;
    v_taken record;
    v_note jsonb := '{}';
    v_kind text;
    v_response text;
begin
    lanes := '{}';
    job_id := v_item.id;
    select s.* into v_session from sessions s
    where s.tenant_id = v_item.tenant_id and s.id = v_item.session_id for no key update;
    if found then
        if v_item.enforce_user and v_session.user_id is distinct from v_item.user_id then
            perform refuse_session(v_item.session_id);
        end if;
        session_num := v_session.num;
        v_run := run_of_session(v_session.num);
        v_is_busy := v_run is not null or coalesce(v_session.head_run_at <= clock_timestamp(), false);
    end if;

    if p_mode = 'reject' and v_is_busy then
        perform refuse_busy(v_item.session_id);
    end if;
    if p_mode = 'drop' and v_is_busy then
        outcome := 'dropped';
        job_id := null;
        return next;
        return;
    end if;

    -- News of its own could not be told of input that has joined another.
    if p_mode = 'merge' and v_is_busy and v_item.webhook is null then
        -- The newest that waits for the same agent, unless it would grow too long.
        update jobs j set question = concat_ws(E'\n\n', j.question, v_item.question), updated_at = clock_timestamp()
        where j.id = (
            select q.id from jobs q
            where q.session_num = v_session.num and q.state = 'queued' and q.attempts = 0 and q.run_at <= clock_timestamp()
                and q.lane_id = v_item.lane_id and q.agent_version is not distinct from v_item.agent_version
                and q.user_id is not distinct from v_item.user_id and q.kind is distinct from 'steer'
                and (q.expires_at is null or q.expires_at > clock_timestamp())
            order by q.order_at desc, q.pos desc limit 1
        ) and char_length(j.question) + char_length(v_item.question) + 2 <= p_characters
        returning j.id into target_job;
        if found then
            if v_item.idempotency_scope is not null then
                insert into idempotency_keys (scope, request_hash, status, response, expires_at)
                values (
                    v_item.idempotency_scope, v_item.idempotency_hash, 200,
                    replace(p_responses ->> 'merged', v_item.id::text, target_job::text),
                    clock_timestamp() + v_item.idempotency_ms * interval '1 ms'
                )
                on conflict (scope) do nothing;
                if not found then
                    -- The input must not be joined twice: nothing of this call may stay.
                    raise exception 'idempotency key taken' using errcode = 'KZ004';
                end if;
            end if;
            with counted as (
                update sessions s set event_seq = s.event_seq + 1 where s.num = v_session.num returning s.event_seq
            )
            insert into events (session_num, seq, job_id, type, data)
            select v_session.num, c.event_seq, target_job, 'input.merged', jsonb_build_object('text', v_item.question)
            from counted c;
            outcome := 'merged';
            job_id := target_job;
            return next;
            return;
        end if;
    end if;

    if p_mode = 'steer' and v_session.running_job = p_target and not v_session.is_canceled then
        v_kind := 'steer';
        v_note := jsonb_build_object('steers', p_target);
    elsif p_prompts is not null then
        select count(*) + 1 into queue_length from waiting_prompts(v_session.num);
        if queue_length > p_prompts then
            perform refuse_prompt(v_item.session_id, queue_length - 1);
        end if;
        v_kind := 'prompt';
        v_note := jsonb_build_object('queue_length', queue_length);
    end if;

    select a.* into v_taken
    from accept_jobs(jsonb_build_array(p_item || jsonb_build_object(
        'ord', 0, 'session_num', v_session.num, 'kind', v_kind, 'note', v_note
    ))) a;
    if v_taken.outcome = 'replay' then
        outcome := 'replay';
        return next;
        return;
    end if;
    session_num := v_taken.session_num;
    created_at := v_taken.created_at;
    expires_at := v_taken.created_at + v_item.expires_ms * interval '1 ms';
    lanes := array_remove(array[v_taken.ready_lane], null);
    outcome := case when v_kind = 'steer' then 'steered' when v_taken.ready_lane is not null then 'started' else 'queued' end;
    if v_kind = 'steer' then
        target_job := p_target;
    elsif p_mode = 'interrupt' and v_is_busy then
        lanes := lanes || move_to_front(session_num, v_item.id);
        outcome := 'started';
        if v_run is not null then
            outcome := 'interrupted';
            target_job := v_run;
            select lanes || c.lanes into lanes from cancel_job(v_run, 'interrupted') c;
        end if;
    end if;
    if v_kind = 'prompt' and v_session.num is null then
        -- Others may have made the session at the same time.
        select count(*) into queue_length from waiting_prompts(session_num);
        if queue_length > p_prompts then
            perform refuse_prompt(v_item.session_id, queue_length - 1);
        end if;
    end if;
    if v_item.idempotency_scope is not null then
        v_response := replace(
            replace(p_responses ->> outcome, '{queue_length}', coalesce(queue_length, 0)::text),
            '{expires_at}', coalesce(floor(extract(epoch from expires_at) * 1000), 0)::bigint::text
        );
        update idempotency_keys k set response = v_response where k.scope = v_item.idempotency_scope;
    end if;
    return next;
end
$$;

-- Gives a run what was said to it: the jobs that wait to be taken by it end, and their text is the session's next message,
-- known by the step before which it was said. Nothing for a claim that is lost.
create function take_inputs(p_session bigint, p_job uuid, p_lease bigint, p_ordinal integer)
returns table (text text)
language plpgsql
set enable_seqscan = off
as $$
#variable_conflict use_column
declare
    v_input record;
    v_seq bigint;
begin
    perform 1 from sessions s
    where s.num = p_session and s.running_job = p_job and s.lease_id = p_lease and not s.is_canceled
    for no key update;
    if not found then
        return;
    end if;
    for v_input in
        with taken as (
            update jobs j set
                state = 'complete', completed_at = clock_timestamp(), updated_at = clock_timestamp(),
                outcome = jsonb_build_object(
                    'text', null, 'subtype', 'success', 'isError', false, 'turns', 0, 'toolCalls', 0, 'apiDurationMs', 0,
                    'usage', null, 'costMicros', 0, 'models', '[]'::jsonb, 'durationMs', 0, 'steeredJobId', p_job
                )
            where j.session_num = p_session and j.state = 'queued' and j.kind = 'steer' and j.attempts = 0
            returning j.id, j.question, j.order_at, j.pos
        )
        select t.id, t.question from taken t order by t.order_at, t.pos
    loop
        update sessions s set event_seq = s.event_seq + 2, queued_jobs = s.queued_jobs - 1
        where s.num = p_session returning s.event_seq into v_seq;
        insert into events (session_num, seq, job_id, type, data) values
            (p_session, v_seq - 1, v_input.id, 'job.completed', jsonb_build_object('steered_job_id', p_job)),
            (p_session, v_seq, p_job, 'input.steered', jsonb_build_object('ordinal', p_ordinal, 'input_job_id', v_input.id));
        insert into messages (session_num, seq, job_id, role, content)
        values (p_session, v_seq, p_job, 'user', jsonb_build_array(jsonb_build_object('type', 'text', 'text', v_input.question)));
        perform close_budgets(array[v_input.id]);
    end loop;
    -- All of this step: the answer of an earlier call may have been lost on its way.
    return query
    select m.content -> 0 ->> 'text'
    from messages m
    join events e on e.session_num = m.session_num and e.seq = m.seq
    where m.job_id = p_job and m.session_num = p_session and e.type = 'input.steered' and (e.data ->> 'ordinal')::integer = p_ordinal
    order by m.seq;
end
$$;

-- Takes prompts out of the queue of a session: one, or all (null). Those that have begun are left alone.
create function remove_prompts(p_session bigint, p_job uuid)
returns table (removed integer, lanes integer[])
language plpgsql
set enable_seqscan = off
as $$
#variable_conflict use_column
declare
    v_job uuid;
    v_lanes integer[];
begin
    removed := 0;
    lanes := '{}';
    perform 1 from sessions s where s.num = p_session for no key update;
    for v_job in select w.id from waiting_prompts(p_session) w where p_job is null or w.id = p_job
    loop
        select c.lanes into v_lanes from cancel_job(v_job, 'removed') c;
        removed := removed + 1;
        lanes := lanes || v_lanes;
    end loop;
    return next;
end
$$;

-- Makes a prompt the next one of its session. Lanes: null when it does not wait there.
create function promote_prompt(p_session bigint, p_job uuid) returns integer[]
language plpgsql
set enable_seqscan = off
as $$
begin
    perform 1 from sessions s where s.num = p_session for no key update;
    if not exists (select 1 from waiting_prompts(p_session) w where w.id = p_job) then
        return null;
    end if;
    return move_to_front(p_session, p_job);
end
$$;

-- Takes out prompts whose time is over, at most p_limit.
create function expire_prompts(p_limit integer)
returns table (sessions bigint[], lanes integer[])
language plpgsql
set enable_seqscan = off
as $$
#variable_conflict use_column
declare
    v_jobs uuid[];
    v_job uuid;
    v_lanes integer[];
    -- clock_timestamp() itself is no condition for an index.
    v_now timestamptz := clock_timestamp();
begin
    lanes := '{}';
    select coalesce(array_agg(e.id), '{}'), coalesce(array_agg(e.session_num), '{}') into v_jobs, sessions from (
        select j.id, j.session_num from jobs j
        where j.state = 'queued' and j.expires_at is not null and j.attempts = 0 and j.expires_at <= v_now
        order by j.expires_at limit p_limit
    ) e;
    -- All of them first: what follows takes tenants' accounts, which come after sessions.
    perform 1 from sessions s where s.num = any (sessions) order by s.num for no key update;
    foreach v_job in array v_jobs
    loop
        -- A claim may have come first.
        if exists (select 1 from jobs j where j.id = v_job and j.state = 'queued' and j.attempts = 0) then
            select c.lanes into v_lanes from cancel_job(v_job, 'expired') c;
            lanes := lanes || v_lanes;
        end if;
    end loop;
    return next;
end
$$;
