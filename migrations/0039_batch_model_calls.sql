-- Calls of models through the batch endpoints of providers (docs/decisions/0014): what runs asked, and the batches in which
-- it was handed in. Both tables come last in the lock order.

create table model_batches (
    -- Also the name that the provider is told, where it takes one.
    id uuid primary key default gen_random_uuid(),
    provider text collate "C" not null,
    -- Endpoint and credential, as a digest.
    account text collate "C" not null,
    -- What the requests of one batch have to have in common: the model, or headers.
    variant text collate "C" not null,
    state text not null default 'submitting' check (state in ('submitting', 'waiting', 'ended')),
    requests integer not null,
    -- When the newest attempt to hand it in began. Set while provider_id is not: nobody knows whether it got there.
    attempted_at timestamptz,
    -- Attempts that the provider refused for now.
    refusals integer not null default 0,
    provider_id text,
    -- Whose it is at the moment; a claim of a node that is gone counts for nothing. Each claim has a number of its own.
    node_id bigint,
    claim_num bigint not null default 0,
    due_at timestamptz not null default clock_timestamp(),
    created_at timestamptz not null default clock_timestamp(),
    submitted_at timestamptz,
    ended_at timestamptz,
    error text,
    check ((state = 'waiting') <= (provider_id is not null))
);
create index model_batches_due on model_batches (due_at) where state <> 'ended';
create index model_batches_ended on model_batches (ended_at) where state = 'ended';
create unique index model_batches_by_provider_id on model_batches (provider, provider_id) where provider_id is not null;

create table model_requests (
    -- Made from the job, the step and the try, so that a run asks the same thing once.
    id uuid primary key,
    job_id uuid not null references jobs (id),
    ordinal integer not null,
    name text not null check (name in ('model', 'compact')),
    try integer not null check (try > 0),
    provider text collate "C" not null,
    account text collate "C" not null,
    variant text collate "C" not null,
    model text collate "C" not null,
    -- As the provider gets it. Null once nobody needs it any more.
    body text,
    bytes integer not null,
    -- What stays charged when the cost of an answer that nobody waits for is unknown.
    held_micros bigint not null,
    -- collecting: in no batch yet. answered: with a status of HTTP, an error perhaps. expired: never got an answer. settled:
    -- its step, or the end of its job, has taken it.
    state text not null default 'collecting' check (state in ('collecting', 'submitted', 'answered', 'expired', 'settled')),
    batch_id uuid references model_batches (id),
    status integer,
    answer text,
    created_at timestamptz not null default clock_timestamp(),
    answered_at timestamptz,
    check ((state = 'submitted') <= (batch_id is not null)),
    check ((state = 'answered') <= (status is not null and answer is not null))
);
create index model_requests_by_job on model_requests (job_id, ordinal);
create index model_requests_collecting on model_requests (provider, account, variant, created_at) where state = 'collecting';
create index model_requests_by_batch on model_requests (batch_id) where batch_id is not null;
-- Those whose job may have ended without taking them.
create index model_requests_loose on model_requests (job_id) where state in ('collecting', 'answered', 'expired');

alter table model_calls add column is_batched boolean not null default false;

-- Puts requests that were gathered long enough, or are enough, into batches: of each kind one a call. Requests of jobs that
-- have ended stay out. Other nodes do the same at the same time, with other requests.
create function form_model_batches(p_providers text[], p_accounts text[], p_window_ms bigint, p_most integer, p_most_bytes bigint)
returns integer
language plpgsql
set enable_seqscan = off
as $$
declare
    v_group record;
    v_ids uuid[];
    v_batch uuid;
    v_formed integer := 0;
begin
    for v_group in
        select r.provider, r.account, r.variant from model_requests r
        where r.state = 'collecting'
            -- One whose credential no node has any more goes with another of the same provider.
            and ((r.provider, r.account) in (select * from unnest(p_providers, p_accounts))
                or (r.provider = any (p_providers) and r.created_at < clock_timestamp() - interval '10 minutes'))
        group by r.provider, r.account, r.variant
        having min(r.created_at) <= clock_timestamp() - p_window_ms * interval '1 ms' or count(*) >= p_most
            or sum(r.bytes) >= p_most_bytes
    loop
        with taken as (
            select r.id, r.bytes, r.created_at from model_requests r
            where r.state = 'collecting' and r.provider = v_group.provider and r.account = v_group.account
                and r.variant = v_group.variant
                and exists (select 1 from jobs j where j.id = r.job_id and j.state in ('queued', 'running'))
            order by r.created_at, r.id
            limit p_most
            for update skip locked
        ),
        measured as (
            select t.id, sum(t.bytes) over (order by t.created_at, t.id) - t.bytes as before, t.bytes from taken t
        )
        select array_agg(m.id) into v_ids from measured m where m.before = 0 or m.before + m.bytes <= p_most_bytes;
        continue when v_ids is null;
        insert into model_batches (provider, account, variant, requests)
        values (v_group.provider, v_group.account, v_group.variant, cardinality(v_ids)) returning id into v_batch;
        update model_requests r set state = 'submitted', batch_id = v_batch where r.id = any (v_ids);
        v_formed := v_formed + 1;
    end loop;
    return v_formed;
end
$$;

-- Takes batches that are due and that no living node has; p_busy: those that the node that asks is at work on.
create function claim_model_batches(p_node bigint, p_providers text[], p_accounts text[], p_busy uuid[], p_limit integer)
returns table (id uuid, claim_num bigint, provider text, state text, provider_id text, requests integer, refusals integer,
    attempted_at timestamptz, attempted_ms bigint, submitted_ms bigint)
language plpgsql
set enable_seqscan = off
as $$
#variable_conflict use_column
begin
    return query
    with chosen as materialized (
        select b.id from model_batches b
        where b.state <> 'ended' and b.due_at <= clock_timestamp()
            and ((b.provider, b.account) in (select * from unnest(p_providers, p_accounts))
                or (b.provider = any (p_providers) and b.due_at < clock_timestamp() - interval '10 minutes'))
            and b.id <> all (p_busy)
            and not exists (
                select 1 from nodes n
                where n.id = b.node_id and n.id <> p_node and n.died_at is null and n.expires_at > clock_timestamp()
            )
        order by b.due_at
        limit p_limit
        for update skip locked
    )
    update model_batches b set node_id = p_node, claim_num = b.claim_num + 1
    from chosen c
    where b.id = c.id
    returning b.id, b.claim_num, b.provider, b.state, b.provider_id, b.requests, b.refusals, b.attempted_at,
        ceil(extract(epoch from clock_timestamp() - b.attempted_at) * 1000)::bigint,
        ceil(extract(epoch from clock_timestamp() - b.submitted_at) * 1000)::bigint;
end
$$;

-- Writes answers of a batch down; a null status: the request expired. Those that have one keep it. False when the claim was
-- lost.
create function store_model_answers(p_batch uuid, p_claim bigint, p_ids uuid[], p_statuses integer[], p_answers text[])
returns boolean
language plpgsql
set enable_seqscan = off
as $$
begin
    perform 1 from model_batches b where b.id = p_batch and b.claim_num = p_claim and b.state <> 'ended' for no key update;
    if not found then
        return false;
    end if;
    update model_requests r set
        state = case when g.status is null then 'expired' else 'answered' end,
        status = g.status, answer = g.answer, body = null, answered_at = clock_timestamp()
    from unnest(p_ids, p_statuses, p_answers) g (id, status, answer)
    where r.id = g.id and r.batch_id = p_batch and r.state = 'submitted';
    return true;
end
$$;

-- Accounts for the answer of a request whose job has ended without taking it; p_usage and p_cost may be null. Nothing that
-- is accounted already is counted again.
create function charge_model_request(p_id uuid, p_is_paid boolean, p_usage jsonb, p_cost bigint)
returns boolean
language plpgsql
set enable_seqscan = off
as $$
declare
    v_request model_requests;
begin
    select * into v_request from model_requests r where r.id = p_id;
    perform lock_spending(array[v_request.job_id]);
    update model_requests r set state = 'settled', body = null, answer = null
    where r.id = p_id and r.state in ('collecting', 'answered', 'expired');
    if not found then
        return false;
    end if;
    if p_is_paid then
        insert into model_calls (
            job_id, ordinal, tenant_id, session_id, user_id, api_key_id, root_job, agent, provider, model, input_tokens,
            cache_read_tokens, cache_write_tokens, output_tokens, reasoning_tokens, cost_micros, duration_ms, is_batched
        )
        select b.job_id, v_request.ordinal, b.tenant_id, b.session_id, b.user_id, b.api_key_id, b.root_job, j.agent,
            v_request.provider, v_request.model, (p_usage ->> 'inputTokens')::bigint, (p_usage ->> 'cacheReadTokens')::bigint,
            (p_usage ->> 'cacheWriteTokens')::bigint, (p_usage ->> 'outputTokens')::bigint,
            (p_usage ->> 'reasoningTokens')::bigint, p_cost, 0, true
        from job_budgets b join jobs j on j.id = b.job_id where b.job_id = v_request.job_id
        on conflict (job_id, ordinal) do nothing;
        if found then
            perform charge_job(v_request.job_id, coalesce(p_cost, v_request.held_micros),
                (select b.own_held_micros from job_budgets b where b.job_id = v_request.job_id), 1);
        end if;
    end if;
    -- The others go with their batch.
    delete from model_requests r where r.id = p_id and r.batch_id is null;
    return true;
end
$$;
