-- Written by npm run dump-schema out of a migrated database. Change the migrations, not this file.

-- Types

create type job_submission as (
    ord integer,
    id uuid,
    tenant_id text,
    session_id text,
    session_num bigint,
    user_id text,
    enforce_user boolean,
    lane_id integer,
    agent text,
    agent_version integer,
    priority smallint,
    schedule_at timestamp with time zone,
    question text,
    metadata jsonb,
    request_hash bigint,
    idempotency_scope bytea,
    idempotency_hash bytea,
    idempotency_response text,
    idempotency_ms bigint,
    num bigint
);

create type journal_entry as (
    ord integer,
    session_num bigint,
    job_id uuid,
    attempt integer,
    lease_id bigint,
    write_num bigint,
    events jsonb,
    artifacts jsonb,
    finish jsonb,
    sandbox_id text
);

-- Sequences

create sequence job_nums;
create sequence lease_ids;

-- Tables

create table agent_versions (
    tenant_id text collate "C" not null,
    agent text collate "C" not null,
    version integer not null,
    runtime text not null,
    settings jsonb default '{}'::jsonb not null,
    created_at timestamp with time zone default clock_timestamp() not null
);

create table agents (
    tenant_id text collate "C" not null,
    name text collate "C" not null,
    newest_version integer default 0 not null,
    created_at timestamp with time zone default clock_timestamp() not null,
    retired_at timestamp with time zone
);

create table api_keys (
    id uuid default gen_random_uuid() not null,
    tenant_id text collate "C" not null,
    user_id text collate "C" not null,
    name text not null,
    hash bytea not null,
    hint text not null,
    scopes text[] not null,
    created_at timestamp with time zone default clock_timestamp() not null,
    expires_at timestamp with time zone,
    last_used_at timestamp with time zone,
    revoked_at timestamp with time zone
);

create table artifacts (
    job_id uuid not null,
    path text collate "C" not null,
    sha256 text collate "C" not null,
    size_bytes bigint not null,
    content_type text,
    modified_at timestamp with time zone not null,
    created_at timestamp with time zone
);

create table blobs (
    sha256 text collate "C" not null,
    size_bytes bigint not null,
    created_at timestamp with time zone default clock_timestamp() not null
);

create table events (
    session_num bigint not null,
    seq bigint not null,
    job_id uuid,
    type text not null,
    data jsonb not null,
    at timestamp with time zone default clock_timestamp() not null
);

create table idempotency_keys (
    scope bytea not null,
    request_hash bytea not null,
    status smallint not null,
    response text not null,
    expires_at timestamp with time zone not null
);

create table jobs (
    id uuid not null,
    num bigint default nextval('job_nums'::regclass) not null,
    tenant_id text collate "C" not null,
    session_num bigint not null,
    lane_id integer not null,
    user_id text collate "C",
    agent text collate "C" not null,
    agent_version integer,
    state text default 'queued'::text not null,
    priority smallint default 0 not null,
    order_at timestamp with time zone not null,
    pos bigint not null,
    run_at timestamp with time zone not null,
    schedule_at timestamp with time zone,
    attempts integer default 0 not null,
    spared_attempts integer default 0 not null,
    lease_id bigint,
    node_id bigint,
    first_seq bigint default 1 not null,
    question text not null,
    metadata jsonb,
    request_hash bigint,
    sandbox_id text,
    created_at timestamp with time zone not null,
    updated_at timestamp with time zone not null,
    started_at timestamp with time zone,
    completed_at timestamp with time zone,
    canceled_at timestamp with time zone,
    error text,
    outcome jsonb
) with (fillfactor=80, autovacuum_vacuum_scale_factor=0.01, autovacuum_vacuum_cost_delay=0);

create table kazi_migrations (
    version integer not null,
    name text not null,
    is_breaking boolean not null,
    applied_at timestamp with time zone default clock_timestamp() not null
);

create table lanes (
    id integer generated always as identity not null,
    tenant_id text collate "C" not null,
    agent text collate "C" not null,
    max_running integer
);

create table messages (
    session_num bigint not null,
    seq bigint not null,
    id uuid default gen_random_uuid() not null,
    job_id uuid,
    role text not null,
    content jsonb not null,
    created_at timestamp with time zone default clock_timestamp() not null
);

create table nodes (
    id bigint generated always as identity not null,
    role text not null,
    address text not null,
    started_at timestamp with time zone default clock_timestamp() not null,
    expires_at timestamp with time zone not null,
    died_at timestamp with time zone,
    life_sign text
);

create table session_keys (
    tenant_id text collate "C" not null,
    user_id text collate "C" not null,
    key text collate "C" not null,
    session_id text collate "C" not null,
    expires_at timestamp with time zone not null
);

create table sessions (
    num bigint generated always as identity not null,
    tenant_id text collate "C" not null,
    id text collate "C" not null,
    user_id text collate "C",
    created_at timestamp with time zone default clock_timestamp() not null,
    event_seq bigint default 0 not null,
    job_seq bigint default 0 not null,
    last_at timestamp with time zone default '-infinity'::timestamp with time zone not null,
    queued_jobs integer default 0 not null,
    running_job uuid,
    lease_id bigint,
    is_canceled boolean default false not null,
    write_num bigint default 0 not null,
    head_job uuid,
    head_lane integer,
    head_priority smallint,
    head_order_at timestamp with time zone,
    head_run_at timestamp with time zone,
    head_num bigint,
    head_ready boolean default false not null
) with (fillfactor=70, autovacuum_vacuum_scale_factor=0.01, autovacuum_vacuum_cost_delay=0);

create table steps (
    job_id uuid not null,
    ordinal integer not null,
    kind text not null,
    name text not null,
    state text not null,
    attempt integer not null,
    input jsonb,
    output jsonb,
    started_at timestamp with time zone default clock_timestamp() not null,
    finished_at timestamp with time zone
);

create table tenants (
    id text collate "C" not null,
    max_running integer,
    created_at timestamp with time zone default clock_timestamp() not null
);

create table users (
    tenant_id text collate "C" not null,
    id text collate "C" not null,
    created_at timestamp with time zone default clock_timestamp() not null
);

-- Constraints

alter table agent_versions add constraint agent_versions_pkey PRIMARY KEY (tenant_id, agent, version);
alter table agents add constraint agents_pkey PRIMARY KEY (tenant_id, name);
alter table api_keys add constraint api_keys_pkey PRIMARY KEY (id);
alter table artifacts add constraint artifacts_pkey PRIMARY KEY (job_id, path);
alter table blobs add constraint blobs_pkey PRIMARY KEY (sha256);
alter table events add constraint events_pkey PRIMARY KEY (session_num, seq);
alter table idempotency_keys add constraint idempotency_keys_pkey PRIMARY KEY (scope);
alter table jobs add constraint jobs_pkey PRIMARY KEY (id);
alter table kazi_migrations add constraint kazi_migrations_pkey PRIMARY KEY (version);
alter table lanes add constraint lanes_pkey PRIMARY KEY (id);
alter table messages add constraint messages_pkey PRIMARY KEY (session_num, seq);
alter table nodes add constraint nodes_pkey PRIMARY KEY (id);
alter table session_keys add constraint session_keys_pkey PRIMARY KEY (tenant_id, user_id, key);
alter table sessions add constraint sessions_pkey PRIMARY KEY (num);
alter table steps add constraint steps_pkey PRIMARY KEY (job_id, ordinal);
alter table tenants add constraint tenants_pkey PRIMARY KEY (id);
alter table users add constraint users_pkey PRIMARY KEY (tenant_id, id);
alter table api_keys add constraint api_keys_hash_key UNIQUE (hash);
alter table lanes add constraint lanes_tenant_id_agent_key UNIQUE (tenant_id, agent);
alter table sessions add constraint sessions_tenant_id_id_key UNIQUE (tenant_id, id);
alter table agent_versions add constraint agent_versions_version_check CHECK ((version >= 1));
alter table agents add constraint agents_name_check CHECK ((name ~ '^[a-z0-9][a-z0-9_-]{0,63}$'::text));
alter table agents add constraint agents_newest_version_check CHECK ((newest_version >= 0));
alter table api_keys add constraint api_keys_hash_check CHECK ((octet_length(hash) = 32));
alter table artifacts add constraint artifacts_path_check CHECK (((path <> ''::text) AND (path !~ '^/'::text)));
alter table artifacts add constraint artifacts_size_bytes_check CHECK ((size_bytes >= 0));
alter table blobs add constraint blobs_sha256_check CHECK ((sha256 ~ '^[0-9a-f]{64}$'::text));
alter table blobs add constraint blobs_size_bytes_check CHECK ((size_bytes >= 0));
alter table events add constraint events_seq_check CHECK ((seq >= 1));
alter table idempotency_keys add constraint idempotency_keys_request_hash_check CHECK ((octet_length(request_hash) = 32));
alter table idempotency_keys add constraint idempotency_keys_scope_check CHECK ((octet_length(scope) = 32));
alter table jobs add constraint jobs_attempts_check CHECK ((attempts >= 0));
alter table jobs add constraint jobs_check CHECK (((state <> 'queued'::text) OR (lease_id IS NULL)));
alter table jobs add constraint jobs_check1 CHECK (((state <> 'running'::text) OR ((lease_id IS NOT NULL) AND (started_at IS NOT NULL))));
alter table jobs add constraint jobs_check2 CHECK (((state = ANY (ARRAY['complete'::text, 'failed'::text])) = (completed_at IS NOT NULL)));
alter table jobs add constraint jobs_check3 CHECK (((state = 'canceled'::text) = (canceled_at IS NOT NULL)));
alter table jobs add constraint jobs_check4 CHECK (((state <> ALL (ARRAY['complete'::text, 'failed'::text])) OR (lease_id IS NULL)));
alter table jobs add constraint jobs_check5 CHECK (((lease_id IS NULL) = (node_id IS NULL)));
alter table jobs add constraint jobs_spared_attempts_check CHECK ((spared_attempts >= 0));
alter table jobs add constraint jobs_state_check CHECK ((state = ANY (ARRAY['queued'::text, 'running'::text, 'complete'::text, 'failed'::text, 'canceled'::text])));
alter table lanes add constraint lanes_max_running_check CHECK ((max_running >= 0));
alter table messages add constraint messages_role_check CHECK ((role = ANY (ARRAY['user'::text, 'assistant'::text])));
alter table nodes add constraint nodes_role_check CHECK ((role = ANY (ARRAY['api'::text, 'runner'::text, 'all'::text])));
alter table session_keys add constraint session_keys_key_check CHECK (((char_length(key) >= 1) AND (char_length(key) <= 256)));
alter table sessions add constraint sessions_check CHECK (((head_job IS NULL) OR ((running_job IS NULL) AND (queued_jobs > 0))));
alter table sessions add constraint sessions_check1 CHECK (((running_job IS NULL) = (lease_id IS NULL)));
alter table sessions add constraint sessions_check2 CHECK (((NOT head_ready) OR (head_job IS NOT NULL)));
alter table sessions add constraint sessions_check3 CHECK ((((head_job IS NULL) = (head_lane IS NULL)) AND ((head_job IS NULL) = (head_num IS NULL)) AND ((head_job IS NULL) = (head_run_at IS NULL)) AND ((head_job IS NULL) = (head_order_at IS NULL)) AND ((head_job IS NULL) = (head_priority IS NULL))));
alter table sessions add constraint sessions_id_check CHECK (((char_length(id) >= 1) AND (char_length(id) <= 128)));
alter table sessions add constraint sessions_queued_jobs_check CHECK ((queued_jobs >= 0));
alter table steps add constraint steps_check CHECK (((state = 'started'::text) = (finished_at IS NULL)));
alter table steps add constraint steps_kind_check CHECK ((kind = ANY (ARRAY['model'::text, 'tool'::text])));
alter table steps add constraint steps_ordinal_check CHECK ((ordinal >= 1));
alter table steps add constraint steps_state_check CHECK ((state = ANY (ARRAY['started'::text, 'finished'::text, 'failed'::text, 'interrupted'::text])));
alter table tenants add constraint tenants_id_check CHECK ((id <> ''::text));
alter table tenants add constraint tenants_max_running_check CHECK ((max_running >= 0));
alter table users add constraint users_id_check CHECK ((id <> ''::text));
alter table agent_versions add constraint agent_versions_tenant_id_agent_fkey FOREIGN KEY (tenant_id, agent) REFERENCES agents(tenant_id, name);
alter table agents add constraint agents_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id);
alter table api_keys add constraint api_keys_tenant_id_user_id_fkey FOREIGN KEY (tenant_id, user_id) REFERENCES users(tenant_id, id);
alter table artifacts add constraint artifacts_job_id_fkey FOREIGN KEY (job_id) REFERENCES jobs(id);
alter table artifacts add constraint artifacts_sha256_fkey FOREIGN KEY (sha256) REFERENCES blobs(sha256);
alter table jobs add constraint jobs_lane_id_fkey FOREIGN KEY (lane_id) REFERENCES lanes(id);
alter table jobs add constraint jobs_session_num_fkey FOREIGN KEY (session_num) REFERENCES sessions(num);
alter table lanes add constraint lanes_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id);
alter table session_keys add constraint session_keys_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id);
alter table sessions add constraint sessions_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id);
alter table sessions add constraint sessions_tenant_id_user_id_fkey FOREIGN KEY (tenant_id, user_id) REFERENCES users(tenant_id, id);
alter table users add constraint users_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id);

-- Indexes

CREATE INDEX api_keys_by_tenant ON public.api_keys USING btree (tenant_id, created_at);
CREATE INDEX artifacts_by_blob ON public.artifacts USING btree (sha256);
CREATE INDEX idempotency_keys_by_expiry ON public.idempotency_keys USING btree (expires_at);
CREATE INDEX jobs_by_session ON public.jobs USING btree (session_num, num);
CREATE INDEX jobs_by_tenant ON public.jobs USING btree (tenant_id, num);
CREATE INDEX jobs_next ON public.jobs USING btree (session_num, order_at, pos) WHERE (state = 'queued'::text);
CREATE UNIQUE INDEX jobs_one_held ON public.jobs USING btree (tenant_id, session_num) WHERE (lease_id IS NOT NULL);
CREATE INDEX messages_by_job ON public.messages USING btree (job_id, seq);
CREATE INDEX sessions_delayed ON public.sessions USING btree (head_run_at) WHERE ((head_job IS NOT NULL) AND (NOT head_ready));
CREATE INDEX sessions_ready ON public.sessions USING btree (head_lane, head_priority DESC, head_run_at, head_num) WHERE head_ready;

-- Functions

CREATE OR REPLACE FUNCTION public.accept_jobs(p_items jsonb)
 RETURNS TABLE(ord integer, outcome text, session_num bigint, created_at timestamp with time zone, ready_lane integer)
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
 SET plan_cache_mode TO 'force_generic_plan'
AS $function$
#variable_conflict use_column
declare
    v_items job_submission[];
    v_replays integer[];
    v_early bigint[];
    v_now timestamptz;
begin
    select array_agg((
        i.ord, i.id, i.tenant_id, i.session_id, i.session_num, i.user_id, i.enforce_user, i.lane_id, i.agent, i.agent_version,
        i.priority, i.schedule_at, i.question, i.metadata, i.request_hash, i.idempotency_scope, i.idempotency_hash,
        i.idempotency_response, i.idempotency_ms, nextval('job_nums')
    )::job_submission)
    into v_items from jsonb_populate_recordset(null::job_submission, p_items) i;

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
        select array_agg(i.ord) into v_replays
        from unnest(v_items) i
        where i.idempotency_scope is not null and i.idempotency_scope not in (select scope from won);
        if v_replays is not null then
            return query select r, 'replay'::text, null::bigint, null::timestamptz, null::integer from unnest(v_replays) r;
            select array_agg(i) into v_items from unnest(v_items) i where i.ord <> all (v_replays);
            if v_items is null then
                return;
            end if;
        end if;
    end if;

    -- One write a session makes it or locks it, counts the new jobs, and settles the head. What is compared is the row
    -- as it is once locked, so commit order, position and time agree.
    v_now := clock_timestamp();
    with firsts as (
        select distinct on (i.tenant_id, i.session_id) i.*, greatest(v_now, i.schedule_at) as place_at,
               count(*) over (partition by i.tenant_id, i.session_id) as n
        from unnest(v_items) i
        order by i.tenant_id, i.session_id, greatest(v_now, i.schedule_at), i.ord
    ),
    kept as (
        insert into sessions as s (
            tenant_id, id, user_id, event_seq, job_seq, queued_jobs, last_at, head_job, head_lane, head_priority,
            head_order_at, head_run_at, head_num, head_ready
        )
        select f.tenant_id, f.session_id, f.user_id, f.n, f.n, f.n, v_now, f.id, f.lane_id, f.priority,
               f.place_at, f.place_at, f.num, f.place_at <= v_now
        from firsts f
        order by f.session_num, f.tenant_id, f.session_id
        on conflict (tenant_id, id) do update set
            event_seq = s.event_seq + excluded.event_seq,
            job_seq = s.job_seq + excluded.job_seq,
            queued_jobs = s.queued_jobs + excluded.queued_jobs,
            last_at = greatest(s.last_at, excluded.last_at),
            (head_job, head_lane, head_priority, head_order_at, head_run_at, head_num, head_ready) = (
                select t.* from (
                    select excluded.head_job, excluded.head_lane, excluded.head_priority,
                        greatest(s.last_at, excluded.head_order_at), greatest(s.last_at, excluded.head_run_at),
                        excluded.head_num, excluded.head_ready
                    where s.running_job is null
                        and (s.head_job is null or s.head_order_at > greatest(s.last_at, excluded.head_order_at))
                    union all
                    select s.head_job, s.head_lane, s.head_priority, s.head_order_at, s.head_run_at, s.head_num, s.head_ready
                ) t limit 1
            )
        returning s.num, s.last_at
    )
    select array_agg(k.num) into v_early from kept k where k.last_at > v_now;

    return query
    with placed as (
        select i.*, s.num as s_num, s.last_at as made_at, greatest(s.last_at, i.schedule_at) as place_at,
               s.event_seq - count(*) over whole + row_number() over arrival as seq,
               s.job_seq - count(*) over whole + row_number() over arrival as pos,
               case when s.head_job = i.id and s.head_ready then i.lane_id end as ready_lane
        from unnest(v_items) i
        join sessions s on s.tenant_id = i.tenant_id and s.id = i.session_id
        where not i.enforce_user or s.user_id is not distinct from i.user_id or refuse_session(i.session_id)
        window whole as (partition by s.num), arrival as (partition by s.num order by i.ord)
    ),
    made as (
        insert into jobs (
            id, num, tenant_id, session_num, lane_id, user_id, agent, agent_version, priority, order_at, pos, run_at,
            schedule_at, first_seq, question, metadata, request_hash, created_at, updated_at
        )
        select p.id, p.num, p.tenant_id, p.s_num, p.lane_id, p.user_id, p.agent, p.agent_version, p.priority, p.place_at,
               p.pos, p.place_at, p.schedule_at, p.seq, p.question, p.metadata, p.request_hash, p.made_at, p.made_at
        from placed p
    ),
    logged as (
        insert into events (session_num, seq, job_id, type, data, at)
        select p.s_num, p.seq, p.id, 'job.submitted', jsonb_build_object('agent', p.agent), p.made_at
        from placed p
    )
    select p.ord, 'accepted'::text, p.s_num, p.made_at, p.ready_lane from placed p;

    -- A session whose newest job is later than our clock: the server's clock was set back, and jobs that were due at
    -- different times are now due at the same one. Their positions decide.
    if v_early is not null then
        perform refresh_heads(v_early);
    end if;
end
$function$;

CREATE OR REPLACE FUNCTION public.cancel_job(p_id uuid)
 RETURNS TABLE(session_num bigint, node_id bigint, changed boolean, lanes integer[])
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
AS $function$
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
    return query select v_session, v_node, true,
        case when v_lease is null then refresh_heads(array[v_session]) else '{}'::integer[] end;
end
$function$;

CREATE OR REPLACE FUNCTION public.claim_jobs(p_node bigint, p_slots integer, p_after integer, p_hints integer[], p_tenant_cap integer, p_window integer)
 RETURNS TABLE(lost boolean, cursor_lane integer, wrapped boolean, contended boolean, id uuid, lease_id bigint, num bigint, tenant_id text, session_num bigint, session_id text, user_id text, agent text, agent_version integer, attempts integer, question text, metadata jsonb, created_at timestamp with time zone, started_at timestamp with time zone)
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
AS $function$
#variable_conflict use_column
declare
    v_lanes integer[];
    v_after integer := p_after;
    v_wrapped boolean := false;
    v_all integer[];
    v_tenants text[];
    v_locked text[];
begin
    -- The rescuer takes this row for update before it gives a dead node's jobs back: no claim slips in behind it.
    perform 1 from nodes n where n.id = p_node and n.died_at is null and n.expires_at > clock_timestamp() for key share;
    if not found then
        return query select true, p_after, false, false, null::uuid, null::bigint, null::bigint, null::text, null::bigint,
            null::text, null::text, null::text, null::integer, null::integer, null::text, null::jsonb, null::timestamptz, null::timestamptz;
        return;
    end if;

    -- 1. The window: one index descent a lane.
    with recursive walk as (
        (select s.head_lane as lane, 1 as n from sessions s where s.head_ready and s.head_lane > p_after order by s.head_lane limit 1)
        union all
        select (select s.head_lane from sessions s where s.head_ready and s.head_lane > w.lane order by s.head_lane limit 1), w.n + 1
        from walk w where w.lane is not null and w.n < p_window
    )
    select coalesce(array_agg(lane) filter (where lane is not null), '{}') into v_lanes from walk;
    if cardinality(v_lanes) < p_window then
        v_wrapped := true;
        with recursive walk as (
            (select s.head_lane as lane, 1 as n from sessions s where s.head_ready order by s.head_lane limit 1)
            union all
            select (select s.head_lane from sessions s where s.head_ready and s.head_lane > w.lane order by s.head_lane limit 1), w.n + 1
            from walk w where w.lane is not null and w.n < p_window - cardinality(v_lanes)
        )
        select v_lanes || coalesce(array_agg(lane) filter (where lane is not null and lane <= p_after), '{}') into v_lanes from walk;
    end if;
    if v_lanes <> '{}' then
        v_after := v_lanes[cardinality(v_lanes)];
    end if;
    select array_agg(distinct l.lane) into v_all from unnest(v_lanes || p_hints) l (lane);
    if v_all is null then
        return;
    end if;

    -- 2. The tenants of the window, without waiting for those that another node holds.
    select array_agg(distinct l.tenant_id) into v_tenants from lanes l where l.id = any (v_all);
    select array_agg(k.id) into v_locked
    from (select t.id from tenants t where t.id = any (v_tenants) order by t.id for no key update skip locked) k;
    if v_locked is null then
        return query select false, v_after, v_wrapped, true, null::uuid, null::bigint, null::bigint, null::text, null::bigint,
            null::text, null::text, null::text, null::integer, null::integer, null::text, null::jsonb, null::timestamptz, null::timestamptz;
        return;
    end if;

    -- 3. A new statement, so a snapshot newer than the locks: count, choose, take.
    return query
    with running as (
        select j.tenant_id, j.lane_id, count(*) as n
        from jobs j where j.lease_id is not null and j.tenant_id = any (v_locked)
        group by j.tenant_id, j.lane_id
    ),
    tenant_room as (
        select t.id, coalesce(sum(r.n), 0) as running,
               coalesce(t.max_running, p_tenant_cap) - coalesce(sum(r.n), 0) as room
        from tenants t left join running r on r.tenant_id = t.id
        where t.id = any (v_locked)
        group by t.id
    ),
    lane_room as (
        select l.id, l.tenant_id, tr.running, tr.room, l.id = any (p_hints) as hinted,
               least(tr.room, coalesce(l.max_running - coalesce(r.n, 0), tr.room),
                     p_slots / cardinality(v_locked) + 2) as take
        from tenant_room tr
        join lanes l on l.tenant_id = tr.id and l.id = any (v_all)
        left join running r on r.lane_id = l.id
        where tr.room > 0
    ),
    candidates as (
        select lr.tenant_id, lr.running, lr.room, lr.hinted, h.*
        from lane_room lr
        cross join lateral (
            select s.num as session_num, s.head_job, s.head_priority, s.head_run_at, s.head_num
            from sessions s
            where s.head_ready and s.head_lane = lr.id
            order by s.head_priority desc, s.head_run_at, s.head_num
            limit greatest(lr.take, 0)
        ) h
    ),
    ranked as (
        select c.*, row_number() over (
            partition by c.tenant_id order by c.head_priority desc, c.head_run_at, c.head_num
        ) as rn
        from candidates c
    ),
    picked as (
        select r.session_num, r.head_job from ranked r where r.rn <= r.room
        order by r.running + r.rn, r.hinted desc, random()
        limit p_slots
    ),
    -- By number and in its order, as all who lock several sessions do. The conditions are checked again on the row as it
    -- is once locked. None of them may imply head_ready: while the statistics say that no session is ready, the planner
    -- would read the whole claim index for each chosen session (237 ms instead of 0.3 with 1,760 ready).
    taken as (
        update sessions s set
            running_job = s.head_job, lease_id = nextval('lease_ids'), is_canceled = false, write_num = 0,
            event_seq = s.event_seq + 1, queued_jobs = s.queued_jobs - 1, head_job = null, head_lane = null,
            head_priority = null, head_order_at = null, head_run_at = null, head_num = null, head_ready = false
        from (select p.session_num, p.head_job from picked p order by p.session_num) c
        where s.num = c.session_num and s.head_job = c.head_job and s.head_run_at <= clock_timestamp()
        returning s.num, s.id, s.running_job, s.lease_id, s.event_seq
    ),
    started as (
        update jobs j set
            state = 'running', lease_id = t.lease_id, node_id = p_node, attempts = j.attempts + 1,
            started_at = clock_timestamp(), updated_at = clock_timestamp(), error = null
        from taken t
        where j.id = t.running_job
        returning j.id, j.lease_id, j.num, j.tenant_id, j.session_num, t.id as session_id, t.event_seq, j.user_id, j.agent,
            j.agent_version, j.attempts, j.question, j.metadata, j.created_at, j.started_at
    ),
    logged as (
        insert into events (session_num, seq, job_id, type, data)
        select j.session_num, j.event_seq, j.id, 'job.started', jsonb_build_object('attempt', j.attempts) from started j
    ),
    said as (
        insert into messages (session_num, seq, job_id, role, content)
        select j.session_num, j.event_seq, j.id, 'user',
               jsonb_build_array(jsonb_build_object('type', 'text', 'text', j.question))
        from started j
        where j.attempts = 1
    )
    select false, v_after, v_wrapped, cardinality(v_locked) < cardinality(v_tenants), j.id, j.lease_id, j.num, j.tenant_id, j.session_num, j.session_id, j.user_id, j.agent,
        j.agent_version, j.attempts, j.question, j.metadata, j.created_at, j.started_at
    from started j;
    if not found then
        return query select false, v_after, v_wrapped, cardinality(v_locked) < cardinality(v_tenants), null::uuid, null::bigint, null::bigint, null::text, null::bigint,
            null::text, null::text, null::text, null::integer, null::integer, null::text, null::jsonb, null::timestamptz, null::timestamptz;
    end if;
end
$function$;

CREATE OR REPLACE FUNCTION public.promote_sessions(p_limit integer)
 RETURNS TABLE(lanes integer[], promoted integer, next_in_ms double precision)
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
AS $function$
declare
    v_due bigint[];
    -- clock_timestamp() itself is no condition for an index: all delayed heads would be read, each time.
    v_now timestamptz := clock_timestamp();
begin
    select array_agg(d.num) into v_due
    from (
        select s.num from sessions s
        where s.head_job is not null and not s.head_ready and s.head_run_at <= v_now
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
    -- Not min(): with old statistics PostgreSQL 15 reads the whole index for it.
    select extract(epoch from s.head_run_at - clock_timestamp()) * 1000 into next_in_ms
    from sessions s where s.head_job is not null and not s.head_ready
    order by s.head_run_at limit 1;
    return next;
end
$function$;

CREATE OR REPLACE FUNCTION public.refresh_heads(p_sessions bigint[])
 RETURNS integer[]
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
AS $function$
declare
    v_lanes integer[];
begin
    with heads as (
        select o.num as session_num, q.*
        from unnest(p_sessions) n (num)
        join sessions o on o.num = n.num
        left join lateral (
            select j.id, j.lane_id, j.priority, j.order_at, j.run_at, j.num from jobs j
            where o.running_job is null and j.session_num = o.num and j.state = 'queued'
            order by j.order_at, j.pos limit 1
        ) q on true
    ),
    moved as (
        update sessions s set
            head_job = h.id, head_lane = h.lane_id, head_priority = h.priority, head_order_at = h.order_at,
            head_run_at = h.run_at, head_num = h.num, head_ready = coalesce(h.run_at <= clock_timestamp(), false)
        from heads h
        where s.num = h.session_num
        returning case when s.head_ready then s.head_lane end as lane
    )
    select coalesce(array_agg(distinct m.lane) filter (where m.lane is not null), '{}') into v_lanes from moved m;
    return v_lanes;
end
$function$;

CREATE OR REPLACE FUNCTION public.refuse_session(p_session text)
 RETURNS boolean
 LANGUAGE plpgsql
AS $function$
begin
    raise exception 'session % belongs to another user', p_session using errcode = 'KZ001';
end
$function$;

CREATE OR REPLACE FUNCTION public.release_jobs(p_jobs uuid[], p_leases bigint[], p_delays_ms bigint[], p_reason text, p_max_attempts integer, p_skip_locked boolean)
 RETURNS TABLE(released integer, sessions bigint[], lanes integer[])
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
AS $function$
#variable_conflict use_column
declare
    v_sessions bigint[];
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
    select count(*), coalesce(array_agg(c.session_num), '{}') into released, sessions from changed c;
    lanes := refresh_heads(sessions);
    return next;
end
$function$;

CREATE OR REPLACE FUNCTION public.rescue_jobs(p_limit integer, p_max_attempts integer)
 RETURNS TABLE(dead bigint[], released integer, sessions bigint[], lanes integer[])
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
AS $function$
#variable_conflict use_column
declare
    v_jobs uuid[];
    v_leases bigint[];
    v_delays bigint[];
begin
    with expired as (
        select n.id from nodes n where n.died_at is null and n.expires_at <= clock_timestamp() order by n.id for update skip locked
    ),
    marked as (
        update nodes n set died_at = clock_timestamp() from expired e where n.id = e.id returning n.id
    )
    select coalesce(array_agg(m.id), '{}') into dead from marked m;

    select array_agg(h.id), array_agg(h.lease_id), array_agg(0::bigint) into v_jobs, v_leases, v_delays
    from (
        select j.id, j.lease_id from jobs j
        where j.lease_id is not null and not exists (select 1 from nodes n where n.id = j.node_id and n.died_at is null)
        limit p_limit
    ) h;
    if v_jobs is null then
        released := 0;
        sessions := '{}';
        lanes := '{}';
    else
        select r.released, r.sessions, r.lanes into released, sessions, lanes
        from release_jobs(v_jobs, v_leases, v_delays, 'The node that ran it was lost', p_max_attempts, true) r;
    end if;
    return next;
end
$function$;

CREATE OR REPLACE FUNCTION public.write_journal(p_entries jsonb)
 RETURNS TABLE(ord integer, outcome text, canceled boolean, last_seq bigint, ready_lanes integer[])
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
AS $function$
#variable_conflict use_column
declare
    v_entries journal_entry[];
    v_written integer[];
    v_canceled boolean[];
    v_seqs bigint[];
    v_freed bigint[];
    v_lanes integer[] := '{}';
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
           array_agg(m.session_num) filter (where m.ends and m.queued_jobs > 0)
    into v_written, v_canceled, v_seqs, v_freed from moved m;

    -- A new statement, which sees what was accepted while the first one waited for its locks.
    if v_freed is not null then
        v_lanes := refresh_heads(v_freed);
    end if;

    return query
    select w.ord, 'written'::text, w.canceled, w.seq, v_lanes
    from unnest(v_written, v_canceled, v_seqs) w (ord, canceled, seq);
    if cardinality(v_entries) > coalesce(cardinality(v_written), 0) then
        return query
        select e.ord, case when j.lease_id is not distinct from e.lease_id then 'repeated' else 'lost' end,
               coalesce(j.state = 'canceled', false), null::bigint, '{}'::integer[]
        from unnest(v_entries) e left join jobs j on j.id = e.job_id
        where e.ord <> all (coalesce(v_written, '{}'));
    end if;
end
$function$;
