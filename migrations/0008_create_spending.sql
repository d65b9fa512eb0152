-- Money: what models cost, who it counts for, and what may still be spent. docs/budgets.md tells the rules; amounts are
-- micro-dollars. The account of a tenant is the mutex of all its spending: whoever changes an account or a budget below
-- locks that row first, several in order of their tenants, after all sessions that the transaction locks.

create table accounts (
    tenant_id text collate "C" not null references tenants (id),
    -- `session_default`: limits of the tenant's sessions that have none of their own; its id is empty, as is the tenant's.
    kind text not null check (kind in ('tenant', 'api_key', 'session', 'session_default')),
    id text collate "C" not null,
    -- Null = the limit of the next wider default; the largest value that the column holds = none.
    max_requests integer check (max_requests >= 0),
    max_cost_micros bigint check (max_cost_micros >= 0),
    requests integer not null default 0 check (requests >= 0),
    spent_micros bigint not null default 0 check (spent_micros >= 0),
    -- For model calls under way and jobs that wait.
    held_micros bigint not null default 0 check (held_micros >= 0),
    primary key (tenant_id, kind, id)
);

-- What one job may take, and who pays. Jobs that can spend have one, and those that another job spawned. Made just before
-- the job, so it has no foreign key: one whose job was never accepted is closed by the pruner.
create table job_budgets (
    job_id uuid primary key,
    tenant_id text collate "C" not null,
    session_id text collate "C" not null,
    user_id text collate "C",
    api_key_id text collate "C",
    -- Its costs count to all its ancestors.
    parent_job uuid,
    root_job uuid not null,
    depth integer not null default 0 check (depth >= 0),
    level text not null check (level in ('low', 'standard', 'high', 'unlimited')),
    max_model_calls integer,
    max_cost_micros bigint,
    max_run_ms bigint,
    -- The operator's limits when it was handed in; null = none.
    session_max_cost_micros bigint,
    tenant_max_cost_micros bigint,
    model_calls integer not null default 0,
    spent_micros bigint not null default 0,
    -- Its own, and what its descendants hold.
    own_held_micros bigint not null default 0 check (own_held_micros >= 0),
    held_micros bigint not null default 0 check (held_micros >= 0),
    created_at timestamptz not null default clock_timestamp(),
    closed_at timestamptz
);
create index job_budgets_by_parent on job_budgets (parent_job) where parent_job is not null;
create index job_budgets_open on job_budgets (created_at) where closed_at is null;

-- One row a model call that was paid. Written with the step, so it is there exactly when the step is.
create table model_calls (
    job_id uuid not null,
    ordinal integer not null,
    tenant_id text collate "C" not null,
    session_id text collate "C" not null,
    user_id text collate "C",
    api_key_id text collate "C",
    root_job uuid not null,
    agent text collate "C" not null,
    provider text collate "C" not null,
    model text collate "C" not null,
    -- Null = the provider did not say.
    input_tokens bigint,
    cache_read_tokens bigint,
    cache_write_tokens bigint,
    output_tokens bigint,
    reasoning_tokens bigint,
    -- Null = the price of the model is unknown.
    cost_micros bigint,
    duration_ms bigint not null,
    at timestamptz not null default clock_timestamp(),
    primary key (job_id, ordinal)
);
create index model_calls_by_tenant on model_calls (tenant_id, at);
create index model_calls_by_root on model_calls (root_job);

-- Takes the mutex of each tenant whose jobs are named.
create function lock_spending(p_jobs uuid[]) returns void
language plpgsql
set enable_seqscan = off
as $$
begin
    perform 1 from accounts a
    where a.kind = 'tenant' and a.id = ''
        and a.tenant_id in (select b.tenant_id from job_budgets b where b.job_id = any (p_jobs))
    order by a.tenant_id
    for no key update;
end
$$;

-- Makes the accounts that a job counts in, and takes its tenant's mutex.
create function open_accounts(p_tenant text, p_session text, p_key text) returns void
language plpgsql
as $$
begin
    insert into accounts (tenant_id, kind, id)
    select p_tenant, a.kind, a.id
    from (values (1, 'tenant', ''), (2, 'session', p_session), (3, 'api_key', p_key)) a (ord, kind, id)
    where a.id is not null
    order by a.ord
    on conflict do nothing;
    perform 1 from accounts a where a.tenant_id = p_tenant and a.kind = 'tenant' and a.id = '' for no key update;
end
$$;

-- Adds to what a job has spent and sets what it holds, in its own budget, its ancestors' and all its accounts. The
-- tenant's mutex is held.
create function charge_job(p_job uuid, p_spent bigint, p_held bigint, p_calls integer) returns void
language plpgsql
set enable_seqscan = off
as $$
declare
    v_budget job_budgets;
    v_change bigint;
begin
    select * into v_budget from job_budgets b where b.job_id = p_job;
    if not found then
        return;
    end if;
    v_change := p_held - v_budget.own_held_micros;
    update job_budgets b set own_held_micros = p_held, model_calls = b.model_calls + p_calls where b.job_id = p_job;
    if v_change <> 0 or p_spent <> 0 then
        with recursive line as (
            select p_job as job_id, v_budget.parent_job as parent_job
            union all
            select b.job_id, b.parent_job from line l join job_budgets b on b.job_id = l.parent_job
        )
        update job_budgets b set spent_micros = b.spent_micros + p_spent, held_micros = b.held_micros + v_change
        where b.job_id in (select l.job_id from line l);
        update accounts a set spent_micros = a.spent_micros + p_spent, held_micros = a.held_micros + v_change
        where a.tenant_id = v_budget.tenant_id
            and ((a.kind = 'tenant' and a.id = '') or (a.kind = 'session' and a.id = v_budget.session_id)
                or (a.kind = 'api_key' and a.id = v_budget.api_key_id));
    end if;
end
$$;

-- What stands between a job and the next amount: one row a limit that it counts under, the narrowest first. Nothing that
-- the job itself holds counts as used.
create function budget_rooms(p_job uuid)
returns table (rank integer, scope text, limit_micros bigint, used_micros bigint)
language sql stable
set enable_seqscan = off
as $$
    with recursive line as (
        select b.*, 0 as step from job_budgets b where b.job_id = p_job
        union all
        select b.*, l.step + 1 from line l join job_budgets b on b.job_id = l.parent_job
    ),
    me as (select * from line where step = 0)
    select l.step, 'job', l.max_cost_micros, l.spent_micros + l.held_micros - m.own_held_micros
    from line l, me m where l.max_cost_micros is not null
    union all
    select 1000, 'session', coalesce(a.max_cost_micros, d.max_cost_micros, m.session_max_cost_micros),
        a.spent_micros + a.held_micros - m.own_held_micros
    from me m
    join accounts a on a.tenant_id = m.tenant_id and a.kind = 'session' and a.id = m.session_id
    left join accounts d on d.tenant_id = m.tenant_id and d.kind = 'session_default' and d.id = ''
    where coalesce(a.max_cost_micros, d.max_cost_micros, m.session_max_cost_micros) is not null
    union all
    select 1001, 'api_key', a.max_cost_micros, a.spent_micros + a.held_micros - m.own_held_micros
    from me m
    join accounts a on a.tenant_id = m.tenant_id and a.kind = 'api_key' and a.id = m.api_key_id
    where a.max_cost_micros is not null
    union all
    select 1002, 'tenant', coalesce(a.max_cost_micros, m.tenant_max_cost_micros),
        a.spent_micros + a.held_micros - m.own_held_micros
    from me m
    join accounts a on a.tenant_id = m.tenant_id and a.kind = 'tenant' and a.id = ''
    where coalesce(a.max_cost_micros, m.tenant_max_cost_micros) is not null
$$;

-- Holds money for the next model call of a job, in place of what it held: as much as every limit has room for, at most
-- p_wanted. When even p_least does not fit, nothing is held and the limit in the way is given instead; so it is, with a
-- limit of 0, for a job that has ended.
create function hold_spend(p_job uuid, p_wanted bigint, p_least bigint)
returns table (held_micros bigint, scope text, limit_micros bigint, used_micros bigint)
language plpgsql
set enable_seqscan = off
as $$
#variable_conflict use_column
declare
    v_room bigint;
begin
    perform lock_spending(array[p_job]);
    -- A node that lost the job may still ask: nobody would give it back.
    if exists (select 1 from job_budgets b where b.job_id = p_job and b.closed_at is not null) then
        scope := 'job'; limit_micros := 0; used_micros := 0;
        return next;
        return;
    end if;
    select min(r.limit_micros - r.used_micros) into v_room from budget_rooms(p_job) r;
    if v_room is null or v_room >= p_least then
        held_micros := least(p_wanted, coalesce(v_room, p_wanted));
        perform charge_job(p_job, 0, held_micros, 0);
        return next;
        return;
    end if;
    return query
    select null::bigint, r.scope, r.limit_micros, r.used_micros from budget_rooms(p_job) r
    where r.limit_micros - r.used_micros < p_least order by r.rank limit 1;
end
$$;

-- Admits a job to its budgets before it is accepted: counts the request and holds its estimate, or tells which limit is in
-- the way and changes nothing. A job that was admitted before is admitted. p_counts: it takes a request of its session.
create function admit_job(p_budget jsonb, p_estimate bigint, p_session_max_requests integer, p_counts boolean)
returns table (scope text, measure text, limit_value bigint, used_value bigint, requests integer, max_requests integer,
    cost_micros bigint, max_cost_micros bigint)
language plpgsql
set enable_seqscan = off
as $$
#variable_conflict use_column
declare
    v_new job_budgets;
    v_session accounts;
    v_default accounts;
    v_max_requests integer;
    v_max_cost bigint;
begin
    v_new := jsonb_populate_record(null::job_budgets, p_budget);
    perform open_accounts(v_new.tenant_id, v_new.session_id, v_new.api_key_id);
    if exists (select 1 from job_budgets b where b.job_id = v_new.job_id) then
        return;
    end if;
    insert into job_budgets (
        job_id, tenant_id, session_id, user_id, api_key_id, parent_job, root_job, depth, level, max_model_calls,
        max_cost_micros, max_run_ms, session_max_cost_micros, tenant_max_cost_micros
    ) values (
        v_new.job_id, v_new.tenant_id, v_new.session_id, v_new.user_id, v_new.api_key_id, v_new.parent_job,
        coalesce((select b.root_job from job_budgets b where b.job_id = v_new.parent_job), v_new.job_id),
        coalesce((select b.depth + 1 from job_budgets b where b.job_id = v_new.parent_job), 0), v_new.level,
        v_new.max_model_calls, v_new.max_cost_micros, v_new.max_run_ms, v_new.session_max_cost_micros,
        v_new.tenant_max_cost_micros
    );
    select * into v_session from accounts a
    where a.tenant_id = v_new.tenant_id and a.kind = 'session' and a.id = v_new.session_id;
    select * into v_default from accounts a
    where a.tenant_id = v_new.tenant_id and a.kind = 'session_default' and a.id = '';
    v_max_requests := coalesce(v_session.max_requests, v_default.max_requests, p_session_max_requests);
    v_max_cost := coalesce(v_session.max_cost_micros, v_default.max_cost_micros, v_new.session_max_cost_micros);
    if p_counts and v_session.requests >= v_max_requests then
        scope := 'session'; measure := 'requests'; limit_value := v_max_requests; used_value := v_session.requests;
    else
        select r.scope, 'cost', r.limit_micros, r.used_micros into scope, measure, limit_value, used_value
        from budget_rooms(v_new.job_id) r
        where r.limit_micros - r.used_micros < p_estimate order by r.rank limit 1;
    end if;
    if scope is not null then
        requests := v_session.requests; max_requests := v_max_requests; max_cost_micros := v_max_cost;
        cost_micros := v_session.spent_micros + v_session.held_micros;
        delete from job_budgets b where b.job_id = v_new.job_id;
        return next;
        return;
    end if;
    perform charge_job(v_new.job_id, 0, p_estimate, 0);
    if p_counts then
        update accounts a set requests = a.requests + 1
        where a.tenant_id = v_new.tenant_id and a.kind = 'session' and a.id = v_new.session_id;
    end if;
end
$$;

-- Gives back what ended jobs hold, and the request of one that called no model. Returns the jobs that may wait for them.
create function close_budgets(p_jobs uuid[]) returns uuid[]
language plpgsql
set enable_seqscan = off
as $$
declare
    v_open uuid[];
    v_parents uuid[];
    v_job uuid;
begin
    select array_agg(b.job_id order by b.job_id) into v_open from job_budgets b
    where b.job_id = any (p_jobs) and b.closed_at is null;
    if v_open is null then
        return '{}';
    end if;
    perform lock_spending(v_open);
    foreach v_job in array v_open loop
        perform charge_job(v_job, 0, 0, 0);
    end loop;
    with closed as (
        update job_budgets b set closed_at = clock_timestamp() where b.job_id = any (v_open) and b.closed_at is null
        returning b.tenant_id, b.session_id, b.model_calls, b.parent_job
    ),
    given_back as (
        update accounts a set requests = greatest(a.requests - c.n, 0)
        from (
            select k.tenant_id, k.session_id, count(*)::integer as n from closed k
            where k.model_calls = 0 and k.parent_job is null group by k.tenant_id, k.session_id
        ) c
        where a.tenant_id = c.tenant_id and a.kind = 'session' and a.id = c.session_id
    )
    select coalesce(array_agg(distinct c.parent_job) filter (where c.parent_job is not null), '{}') into v_parents from closed c;
    return v_parents;
end
$$;
