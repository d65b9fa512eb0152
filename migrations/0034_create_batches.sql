-- Batches: many jobs handed in together, with one status. Which of them have ended is counted in rows that no two
-- transactions share, and added up after their commits, so that no item ever waits for another.

create table batches (
    num bigint generated always as identity primary key,
    id uuid not null unique,
    tenant_id text collate "C" not null references tenants (id),
    user_id text collate "C",
    status text not null default 'running' check (status in ('running', 'completed', 'failed', 'cancelled')),
    total integer not null check (total >= 1),
    -- Final once it is settled; until then they are in batch_counts.
    succeeded integer not null default 0,
    failed integer not null default 0,
    cancelled integer not null default 0,
    callback_url text,
    -- Of the request, for an SDK's own retry.
    request_hash bigint,
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp(),
    completed_at timestamptz,
    first_output_at timestamptz,
    -- When every item had ended: a cancelled batch has its status before.
    settled_at timestamptz,
    check ((status = 'running') = (completed_at is null)),
    check (settled_at is null or (status <> 'running' and succeeded + failed + cancelled = total))
);
create index batches_by_tenant on batches (tenant_id, num);
create index batches_unsettled on batches (num) where settled_at is null;

-- Items that have ended, by the database connection that saw it: a connection has one transaction at a time, so a row is
-- never waited for. They go when their batch is settled.
create table batch_counts (
    batch_num bigint not null references batches (num),
    backend integer not null,
    succeeded integer not null default 0,
    failed integer not null default 0,
    cancelled integer not null default 0,
    updated_at timestamptz not null default clock_timestamp(),
    primary key (batch_num, backend)
) with (fillfactor = 50);

-- What is said to the agent of an item, in order. It joins the messages of the session when the item starts.
create table batch_inputs (
    job_id uuid not null,
    place integer not null,
    -- Of the message, from the beginning.
    id uuid not null,
    role text not null check (role in ('user', 'system', 'assistant')),
    -- Null = the question of its job, as one text.
    content jsonb,
    name text,
    otid text not null,
    sender_id text,
    group_id text,
    primary key (job_id, place)
);

-- A nullable column without a default changes no row.
alter table jobs add column batch_num bigint;
-- Empty when they are made, and migrations run in a transaction.
-- squawk-ignore require-concurrent-index-creation
create index jobs_by_batch on jobs (batch_num, num) where batch_num is not null;
-- squawk-ignore require-concurrent-index-creation
create index jobs_of_batch_open on jobs (batch_num, num) where batch_num is not null and state in ('queued', 'running');

alter table job_budgets add column max_steps integer;

-- Counts an item that has ended.
create function count_batch_item() returns trigger
language plpgsql
as $$
begin
    insert into batch_counts as c (batch_num, backend, succeeded, failed, cancelled)
    values (
        new.batch_num, pg_backend_pid(),
        (new.state = 'complete')::integer, (new.state = 'failed')::integer, (new.state = 'canceled')::integer
    )
    on conflict (batch_num, backend) do update set
        succeeded = c.succeeded + excluded.succeeded, failed = c.failed + excluded.failed,
        cancelled = c.cancelled + excluded.cancelled, updated_at = excluded.updated_at;
    return null;
end
$$;

-- Gives the message that the claim has just written the id and form that its client knows, and adds the others. The claim
-- has locked the session.
create function open_batch_item() returns trigger
language plpgsql
as $$
declare
    v_more integer;
    v_seq bigint;
begin
    select s.event_seq into v_seq from sessions s where s.num = new.session_num;
    update messages m set
        id = i.id, content = spoken_content(i.role, coalesce(i.content, m.content)),
        role = case when i.role = 'assistant' then 'assistant' else 'user' end
    from batch_inputs i
    where i.job_id = new.id and i.place = 0 and m.session_num = new.session_num and m.seq = v_seq;
    select count(*) into v_more from batch_inputs i where i.job_id = new.id and i.place > 0;
    if v_more = 0 then
        return null;
    end if;
    update sessions s set event_seq = s.event_seq + v_more where s.num = new.session_num;
    insert into events (session_num, seq, job_id, type, data)
    select new.session_num, v_seq + i.place, new.id, 'message.created', '{}' from batch_inputs i
    where i.job_id = new.id and i.place > 0;
    insert into messages (session_num, seq, id, job_id, role, content)
    select new.session_num, v_seq + i.place, i.id, new.id,
        case when i.role = 'assistant' then 'assistant' else 'user' end, spoken_content(i.role, i.content)
    from batch_inputs i where i.job_id = new.id and i.place > 0;
    return null;
end
$$;

-- The content of an input as a session keeps it. Sessions know no system messages: it is a user's, marked as such.
create function spoken_content(p_role text, p_content jsonb) returns jsonb
language sql immutable
as $$
    select case when p_role <> 'system' then p_content else (
        select jsonb_agg(case when b ->> 'type' = 'text'
            then jsonb_set(b, '{text}', to_jsonb('<system_message>' || (b ->> 'text') || '</system_message>')) else b end order by o)
        from jsonb_array_elements(p_content) with ordinality e (b, o)
    ) end
$$;

-- Row triggers with conditions: jobs outside batches pay for the look at one null.
create trigger jobs_count_batch_item after update on jobs
for each row
when (new.batch_num is not null and old.state in ('queued', 'running') and new.state in ('complete', 'failed', 'canceled'))
execute function count_batch_item();
create trigger jobs_open_batch_item after update on jobs
for each row
when (new.batch_num is not null and new.state = 'running' and old.state = 'queued' and new.attempts = 1)
execute function open_batch_item();

-- Begins a batch in a transaction that add_batch_items goes on with: takes the idempotency key, or finds what the same
-- request has made within p_retry_ms, and locks the sessions in their order. replay: the answer was given before; then
-- batch_num is null and batch_id the batch, if it is known. Sessions that are gone meanwhile are named in missing.
create function begin_batch(p_batch jsonb, p_sessions bigint[], p_scope bytea, p_hash bytea, p_response text, p_keep_ms bigint, p_retry_ms bigint)
returns table (batch_num bigint, batch_id uuid, created_at timestamptz, replay boolean, missing bigint[])
language plpgsql
set enable_seqscan = off
as $$
#variable_conflict use_column
declare
    v_new batches := jsonb_populate_record(null::batches, p_batch);
begin
    replay := false;
    -- A repeated request waits here for the first one.
    perform pg_advisory_xact_lock(v_new.request_hash);
    if p_retry_ms is not null then
        select b.id into batch_id from batches b
        where b.tenant_id = v_new.tenant_id and b.user_id is not distinct from v_new.user_id
            and b.request_hash = v_new.request_hash and b.created_at > clock_timestamp() - p_retry_ms * interval '1 ms'
        order by b.num desc limit 1;
        if found then
            replay := true;
            return next;
            return;
        end if;
    end if;
    if p_scope is not null then
        insert into idempotency_keys (scope, request_hash, status, response, expires_at)
        values (p_scope, p_hash, 200, p_response, clock_timestamp() + p_keep_ms * interval '1 ms')
        on conflict (scope) do nothing;
        if not found then
            replay := true;
            return next;
            return;
        end if;
    end if;
    perform 1 from sessions s where s.num = any (p_sessions) order by s.num for no key update;
    select array_agg(n.num) into missing from unnest(p_sessions) n (num)
    where not exists (select 1 from session_profiles p where p.session_num = n.num and p.deleted_at is null);
    if missing is not null then
        return next;
        return;
    end if;
    insert into batches as b (id, tenant_id, user_id, total, callback_url, request_hash)
    values (v_new.id, v_new.tenant_id, v_new.user_id, v_new.total, v_new.callback_url, v_new.request_hash)
    returning b.num, b.id, b.created_at into batch_num, batch_id, created_at;
    return next;
end
$$;

-- Adds items to a batch that this transaction has begun: its sessions are locked. p_budget: the job_budgets row of those
-- that spend, but for what each says itself. Items: id, session_num, session_id, lane_id, agent, question, inputs, steps and
-- is_paid for those that spend.
create function add_batch_items(p_batch bigint, p_priority smallint, p_budget jsonb, p_items jsonb) returns void
language plpgsql
set enable_seqscan = off
-- Thousands of rows are joined here: without hashing, 10,000 items of 1,000 sessions take ten times as long.
as $$
declare
    v_batch batches;
    v_now timestamptz := clock_timestamp();
    v_budget job_budgets := jsonb_populate_record(null::job_budgets, p_budget);
begin
    select b.* into v_batch from batches b where b.num = p_batch;
    with items as materialized (
        select i.*, nextval('job_nums') as num, count(*) over (partition by i.session_num) as n,
            row_number() over (partition by i.session_num order by i.ord) as nth
        from rows from (
            jsonb_to_recordset(p_items) as (id uuid, session_num bigint, session_id text, lane_id integer, agent text, question text, inputs jsonb, steps integer, is_paid boolean)
        ) with ordinality i (id, session_num, session_id, lane_id, agent, question, inputs, steps, is_paid, ord)
        order by i.ord
    ),
    moved as (
        update sessions s set
            event_seq = s.event_seq + f.n, job_seq = s.job_seq + f.n, queued_jobs = s.queued_jobs + f.n,
            last_at = greatest(s.last_at, v_now),
            (head_job, head_lane, head_priority, head_order_at, head_run_at, head_num, head_ready) = (
                select t.* from (
                    select f.id, f.lane_id, p_priority, greatest(s.last_at, v_now), greatest(s.last_at, v_now), f.num, s.last_at <= v_now
                    where s.running_job is null and (s.head_job is null or s.head_order_at > greatest(s.last_at, v_now))
                    union all
                    select s.head_job, s.head_lane, s.head_priority, s.head_order_at, s.head_run_at, s.head_num, s.head_ready
                ) t limit 1
            )
        from items f
        where f.nth = 1 and s.num = f.session_num
        returning s.num, s.last_at, s.event_seq - f.n as seq_before, s.job_seq - f.n as pos_before
    ),
    made as (
        insert into jobs (
            id, num, tenant_id, session_num, lane_id, user_id, agent, priority, order_at, pos, run_at, first_seq, question,
            metadata, created_at, updated_at, batch_num
        )
        select i.id, i.num, v_batch.tenant_id, i.session_num, i.lane_id, v_batch.user_id, i.agent, p_priority, m.last_at,
            m.pos_before + i.nth, m.last_at, m.seq_before + i.nth, i.question,
            jsonb_build_object('batch_id', 'job-' || v_batch.id, 'batch_item_id', 'batch_item-' || i.id), m.last_at, m.last_at, p_batch
        from items i join moved m on m.num = i.session_num
    ),
    logged as (
        insert into events (session_num, seq, job_id, type, data, at)
        select i.session_num, m.seq_before + i.nth, i.id, 'job.submitted',
            jsonb_build_object('agent', i.agent, 'batch_id', 'job-' || v_batch.id), m.last_at
        from items i join moved m on m.num = i.session_num
    ),
    said as (
        insert into batch_inputs (job_id, place, id, role, content, name, otid, sender_id, group_id)
        select i.id, p.place - 1, (p.input ->> 'id')::uuid, p.input ->> 'role', nullif(p.input -> 'content', 'null'),
            p.input ->> 'name', p.input ->> 'otid', p.input ->> 'sender_id', p.input ->> 'group_id'
        from items i cross join lateral jsonb_array_elements(i.inputs) with ordinality p (input, place)
    ),
    accounted as (
        insert into accounts (tenant_id, kind, id)
        select distinct v_batch.tenant_id, 'session', i.session_id from items i where i.is_paid
        order by 3
        on conflict do nothing
    )
    insert into job_budgets (
        job_id, tenant_id, session_id, user_id, api_key_id, root_job, level, max_cost_micros, max_run_ms,
        session_max_cost_micros, tenant_max_cost_micros, max_steps
    )
    select i.id, v_batch.tenant_id, i.session_id, v_batch.user_id, v_budget.api_key_id, i.id, v_budget.level,
        v_budget.max_cost_micros, v_budget.max_run_ms, v_budget.session_max_cost_micros, v_budget.tenant_max_cost_micros, i.steps
    from items i where i.is_paid;
end
$$;

-- Ends a batch by its client's wish; false when it had ended. Its items follow (cancel_batch_items).
create function cancel_batch(p_batch bigint) returns boolean
language sql
set enable_seqscan = off
as $$
    update batches b set status = 'cancelled', completed_at = clock_timestamp(), updated_at = clock_timestamp()
    where b.num = p_batch and b.status = 'running'
    returning true
$$;

-- Cancels items of a batch that have not ended, at most p_limit: a short transaction, because it holds their sessions.
-- has_run: somebody may have to be told.
create function cancel_batch_items(p_batch bigint, p_limit integer)
returns table (job_id uuid, session_num bigint, has_run boolean, lanes integer[])
language plpgsql
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
#variable_conflict use_column
declare
    v_jobs uuid[];
    v_sessions bigint[];
    v_gone uuid[];
    v_done uuid[];
    v_lanes integer[];
begin
    select array_agg(o.id), array_agg(distinct o.session_num) into v_jobs, v_sessions from (
        select j.id, j.session_num from jobs j
        where j.batch_num = p_batch and j.state in ('queued', 'running') order by j.num limit p_limit
    ) o;
    if v_jobs is null then
        return;
    end if;
    perform 1 from sessions s where s.num = any (v_sessions) order by s.num for no key update;
    with gone as (
        update jobs j set state = 'canceled', canceled_at = clock_timestamp(), updated_at = clock_timestamp()
        where j.id = any (v_jobs) and j.state in ('queued', 'running')
        returning j.id, j.session_num, j.lease_id, j.pos
    ),
    totals as (
        select g.session_num, count(*) as n, count(*) filter (where g.lease_id is null) as waited, count(g.lease_id) as held
        from gone g group by g.session_num
    ),
    counted as (
        update sessions s set
            event_seq = s.event_seq + t.n, queued_jobs = s.queued_jobs - t.waited, is_canceled = s.is_canceled or t.held > 0,
            head_job = null, head_lane = null, head_priority = null, head_order_at = null, head_run_at = null, head_num = null, head_ready = false
        from totals t where s.num = t.session_num
        returning s.num, s.event_seq - t.n as seq_before
    ),
    logged as (
        insert into events (session_num, seq, job_id, type, data)
        select g.session_num, c.seq_before + row_number() over (partition by g.session_num order by g.pos), g.id, 'job.canceled',
            jsonb_build_object('was_running', g.lease_id is not null)
        from gone g join counted c on c.num = g.session_num
    )
    select array_agg(g.id), array_agg(g.id) filter (where g.lease_id is null) into v_gone, v_done from gone g;
    if v_gone is not null then
        perform withdraw_approvals(v_gone);
        if v_done is not null then
            perform close_budgets(v_done);
        end if;
    end if;
    v_lanes := refresh_heads(v_sessions);
    return query select j.id, j.session_num, j.attempts > 0, v_lanes from jobs j where j.id = any (v_jobs);
end
$$;

-- Items of a batch that have ended, as committed now.
create function batch_progress(p_batch bigint)
returns table (succeeded bigint, failed bigint, cancelled bigint, updated_at timestamptz)
language sql stable
as $$
    select coalesce(sum(c.succeeded), 0), coalesce(sum(c.failed), 0), coalesce(sum(c.cancelled), 0), max(c.updated_at)
    from batch_counts c where c.batch_num = p_batch
$$;

-- Ends batches whose items have all ended, once each, and says which. Nobody else takes a batch meanwhile.
create function settle_batches(p_limit integer)
returns table (id uuid, tenant_id text, status text)
language plpgsql
set enable_seqscan = off
as $$
#variable_conflict use_column
declare
    v_num bigint;
    v_count record;
begin
    for v_num in
        select b.num from batches b
        where b.settled_at is null and b.total <= (select p.succeeded + p.failed + p.cancelled from batch_progress(b.num) p)
        order by b.num limit p_limit
    loop
        perform 1 from batches b where b.num = v_num and b.settled_at is null for no key update skip locked;
        continue when not found;
        -- Counts only grow, and are whole now: no item ends twice.
        select * into v_count from batch_progress(v_num);
        update batches b set
            succeeded = v_count.succeeded, failed = v_count.failed, cancelled = v_count.cancelled,
            status = case when b.status = 'cancelled' then b.status when v_count.failed = b.total then 'failed' else 'completed' end,
            completed_at = coalesce(b.completed_at, clock_timestamp()), updated_at = clock_timestamp(), settled_at = clock_timestamp(),
            first_output_at = coalesce(b.first_output_at, batch_first_output(b.num))
        where b.num = v_num
        returning b.id, b.tenant_id, b.status into id, tenant_id, status;
        delete from batch_counts c where c.batch_num = v_num;
        return next;
    end loop;
end
$$;

-- When any item of a batch first said something.
create function batch_first_output(p_batch bigint) returns timestamptz
language sql stable
set enable_seqscan = off
as $$
    select min(m.created_at) from jobs j
    join messages m on m.job_id = j.id
    where j.batch_num = p_batch and j.started_at is not null and m.role = 'assistant'
        and not exists (select 1 from batch_inputs i where i.job_id = j.id and i.id = m.id)
$$;

-- Why a job ended, in the words of the batches API; null while it has not.
create function run_stop_reason(p_state text, p_outcome jsonb) returns text
language sql immutable
as $$
    select case p_state
        when 'complete' then case when p_outcome ->> 'subtype' = 'max_turns' then 'max_steps' else 'end_turn' end
        when 'canceled' then 'cancelled'
        when 'failed' then case
            when p_outcome ->> 'subtype' = 'budget_exceeded' then 'insufficient_credits'
            when p_outcome ->> 'fault' = 'provider' then 'llm_api_error'
            else 'error' end
    end
$$;

-- The place of every message of a batch: all that was said to its items, in their order, then what they said, by time.
create function batch_places(p_batch bigint, p_session bigint)
returns table (part integer, at timestamptz, num bigint, ord bigint, id uuid, job_id uuid, session_num bigint)
language sql stable
set enable_seqscan = off
as $$
    select 0, b.created_at, j.num, i.place::bigint, i.id, j.id, j.session_num
    from batches b join jobs j on j.batch_num = b.num join batch_inputs i on i.job_id = j.id
    where b.num = p_batch and (p_session is null or j.session_num = p_session)
    union all
    select 1, m.created_at, j.num, m.seq, m.id, j.id, j.session_num
    from jobs j join messages m on m.job_id = j.id
    where j.batch_num = p_batch and (p_session is null or j.session_num = p_session)
        and not exists (select 1 from batch_inputs i where i.job_id = j.id and i.id = m.id)
$$;
