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
    num bigint,
    only_if_idle boolean,
    max_attempts integer,
    webhook jsonb,
    kind text,
    expires_ms bigint,
    note jsonb
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
    sandbox_id text,
    notes jsonb
);

-- Sequences

create sequence job_nums;
create sequence lease_ids;
create sequence webhook_leases;

-- Tables

create table accounts (
    tenant_id text collate "C" not null,
    kind text not null,
    id text collate "C" not null,
    max_requests integer,
    max_cost_micros bigint,
    requests integer default 0 not null,
    spent_micros bigint default 0 not null,
    held_micros bigint default 0 not null
);

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

create table approvals (
    id uuid not null,
    tenant_id text collate "C" not null,
    session_num bigint not null,
    session_id text collate "C" not null,
    user_id text collate "C",
    job_id uuid not null,
    ordinal integer not null,
    kind text not null,
    tool text not null,
    input jsonb not null,
    state text default 'pending'::text not null,
    on_expiry text not null,
    message text,
    decided_by text,
    created_at timestamp with time zone default clock_timestamp() not null,
    expires_at timestamp with time zone not null,
    decided_at timestamp with time zone
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

create table batch_counts (
    batch_num bigint not null,
    backend integer not null,
    succeeded integer default 0 not null,
    failed integer default 0 not null,
    cancelled integer default 0 not null,
    updated_at timestamp with time zone default clock_timestamp() not null
) with (fillfactor=50);

create table batch_inputs (
    job_id uuid not null,
    place integer not null,
    id uuid not null,
    role text not null,
    content jsonb,
    name text,
    otid text not null,
    sender_id text,
    group_id text
);

create table batches (
    num bigint generated always as identity not null,
    id uuid not null,
    tenant_id text collate "C" not null,
    user_id text collate "C",
    status text default 'running'::text not null,
    total integer not null,
    succeeded integer default 0 not null,
    failed integer default 0 not null,
    cancelled integer default 0 not null,
    callback_url text,
    request_hash bigint,
    created_at timestamp with time zone default clock_timestamp() not null,
    updated_at timestamp with time zone default clock_timestamp() not null,
    completed_at timestamp with time zone,
    first_output_at timestamp with time zone,
    settled_at timestamp with time zone,
    callback jsonb,
    delivery_id uuid
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

create table job_budgets (
    job_id uuid not null,
    tenant_id text collate "C" not null,
    session_id text collate "C" not null,
    user_id text collate "C",
    api_key_id text collate "C",
    parent_job uuid,
    root_job uuid not null,
    depth integer default 0 not null,
    level text not null,
    max_model_calls integer,
    max_cost_micros bigint,
    max_run_ms bigint,
    session_max_cost_micros bigint,
    tenant_max_cost_micros bigint,
    model_calls integer default 0 not null,
    spent_micros bigint default 0 not null,
    own_held_micros bigint default 0 not null,
    held_micros bigint default 0 not null,
    created_at timestamp with time zone default clock_timestamp() not null,
    closed_at timestamp with time zone,
    max_steps integer
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
    outcome jsonb,
    max_attempts integer,
    webhook jsonb,
    kind text,
    expires_at timestamp with time zone,
    batch_num bigint
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

create table model_batches (
    id uuid default gen_random_uuid() not null,
    provider text collate "C" not null,
    account text collate "C" not null,
    variant text collate "C" not null,
    state text default 'submitting'::text not null,
    requests integer not null,
    attempted_at timestamp with time zone,
    refusals integer default 0 not null,
    provider_id text,
    node_id bigint,
    claim_num bigint default 0 not null,
    due_at timestamp with time zone default clock_timestamp() not null,
    created_at timestamp with time zone default clock_timestamp() not null,
    submitted_at timestamp with time zone,
    ended_at timestamp with time zone,
    error text
);

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
    input_tokens bigint,
    cache_read_tokens bigint,
    cache_write_tokens bigint,
    output_tokens bigint,
    reasoning_tokens bigint,
    cost_micros bigint,
    duration_ms bigint not null,
    at timestamp with time zone default clock_timestamp() not null,
    is_batched boolean default false not null
);

create table model_requests (
    id uuid not null,
    job_id uuid not null,
    ordinal integer not null,
    name text not null,
    try integer not null,
    provider text collate "C" not null,
    account text collate "C" not null,
    variant text collate "C" not null,
    model text collate "C" not null,
    body text,
    bytes integer not null,
    held_micros bigint not null,
    state text default 'collecting'::text not null,
    batch_id uuid,
    status integer,
    answer text,
    created_at timestamp with time zone default clock_timestamp() not null,
    answered_at timestamp with time zone
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

create table presence (
    bus text collate "C" not null,
    holder uuid not null,
    members jsonb not null,
    expires_at timestamp with time zone not null
);

create table request_counts (
    key bytea not null,
    requests integer not null,
    ends_at timestamp with time zone not null
) with (fillfactor=50, autovacuum_vacuum_scale_factor=0.01, autovacuum_vacuum_cost_delay=0);

create table schedule_runs (
    id uuid not null,
    schedule_id uuid not null,
    due_at timestamp with time zone not null,
    generation integer,
    trigger text not null,
    outcome text not null,
    reason text,
    replaces uuid,
    tries integer default 0 not null,
    retry_at timestamp with time zone,
    claimed_at timestamp with time zone default clock_timestamp() not null,
    fired_at timestamp with time zone
);

create table schedules (
    id uuid not null,
    num bigint generated always as identity not null,
    tenant_id text collate "C" not null,
    user_id text collate "C",
    is_anonymous boolean not null,
    api_key_id text collate "C",
    session_id text collate "C" not null,
    session_mode text default 'same'::text not null,
    name text not null,
    question text not null,
    agent text collate "C",
    kind text not null,
    run_at timestamp with time zone,
    cron text,
    timezone text not null,
    period_seconds integer,
    enabled boolean not null,
    webhook jsonb,
    metadata jsonb,
    budget text,
    overlap text not null,
    catch_up text not null,
    catch_up_window_seconds integer,
    jitter_seconds integer default 0 not null,
    pause_after_failures integer,
    ends_at timestamp with time zone,
    max_runs integer,
    run_count integer default 0 not null,
    generation integer default 0 not null,
    next_due_at timestamp with time zone,
    next_fire_at timestamp with time zone,
    last_due_at timestamp with time zone,
    last_run_at timestamp with time zone,
    last_run_id uuid,
    last_job_id uuid,
    last_error text,
    resumed_at timestamp with time zone default clock_timestamp() not null,
    request_hash bigint,
    created_at timestamp with time zone default clock_timestamp() not null,
    updated_at timestamp with time zone default clock_timestamp() not null
);

create table secrets (
    tenant_id text collate "C" not null,
    name text collate "C" not null,
    sealed text not null,
    previous_sealed text,
    previous_until timestamp with time zone,
    created_at timestamp with time zone default clock_timestamp() not null,
    updated_at timestamp with time zone default clock_timestamp() not null,
    last_used_at timestamp with time zone
);

create table session_keys (
    tenant_id text collate "C" not null,
    user_id text collate "C" not null,
    key text collate "C" not null,
    session_id text collate "C" not null,
    expires_at timestamp with time zone not null
);

create table session_profile_versions (
    session_num bigint not null,
    version integer not null,
    model text not null,
    instructions text,
    blocks jsonb not null,
    made_at timestamp with time zone default clock_timestamp() not null
);

create table session_profiles (
    session_num bigint not null,
    tenant_id text collate "C" not null,
    session_id text collate "C" not null,
    user_id text collate "C",
    name text not null,
    model text not null,
    instructions text,
    description text,
    tags text[] default '{}'::text[] not null,
    metadata jsonb,
    timezone text default 'UTC'::text not null,
    blocks jsonb default '[]'::jsonb not null,
    created_at timestamp with time zone default clock_timestamp() not null,
    updated_at timestamp with time zone default clock_timestamp() not null,
    updated_by text collate "C",
    deleted_at timestamp with time zone
);

create table session_stops (
    session_num bigint not null,
    job_id uuid not null,
    seq bigint not null,
    mode text not null,
    reason text,
    requested_by text,
    requested_at timestamp with time zone default clock_timestamp() not null,
    expires_at timestamp with time zone not null,
    acknowledged_at timestamp with time zone
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

create table summaries (
    session_num bigint not null,
    seq bigint not null,
    job_id uuid not null,
    text text not null,
    created_at timestamp with time zone default clock_timestamp() not null
);

create table tenants (
    id text collate "C" not null,
    max_running integer,
    created_at timestamp with time zone default clock_timestamp() not null
);

create table user_mail_addresses (
    tenant_id text collate "C" not null,
    user_id text collate "C" not null,
    addresses text[] not null,
    updated_at timestamp with time zone default clock_timestamp() not null
);

create table users (
    tenant_id text collate "C" not null,
    id text collate "C" not null,
    created_at timestamp with time zone default clock_timestamp() not null
);

create table webhook_attempts (
    id uuid not null,
    delivery_id uuid not null,
    number integer not null,
    url text not null,
    status smallint,
    error text,
    response_body text,
    duration_ms integer not null,
    started_at timestamp with time zone not null
);

create table webhook_deliveries (
    id uuid not null,
    tenant_id text collate "C" not null,
    job_id uuid,
    endpoint_id uuid,
    event text not null,
    event_at timestamp with time zone not null,
    payload jsonb,
    config jsonb,
    target text collate "C" not null,
    state text default 'pending'::text not null,
    due_at timestamp with time zone default clock_timestamp() not null,
    attempts integer default 0 not null,
    replayed_after integer default 0 not null,
    lease_id bigint,
    node_id bigint,
    last_status smallint,
    last_error text,
    delivered_at timestamp with time zone,
    created_at timestamp with time zone default clock_timestamp() not null,
    updated_at timestamp with time zone default clock_timestamp() not null
) with (fillfactor=80);

create table webhook_endpoints (
    id uuid default gen_random_uuid() not null,
    tenant_id text collate "C" not null,
    name text not null,
    config jsonb not null,
    previous_sealed text,
    previous_until timestamp with time zone,
    events text[] not null,
    session_id text collate "C",
    created_at timestamp with time zone default clock_timestamp() not null,
    updated_at timestamp with time zone default clock_timestamp() not null,
    failures integer default 0 not null,
    failing_since timestamp with time zone,
    disabled_at timestamp with time zone,
    disabled_reason text,
    deleted_at timestamp with time zone,
    worker_id text collate "C"
);

create table worker_settings (
    tenant_id text collate "C" not null,
    worker_id text collate "C" not null,
    num integer not null,
    instructions text default ''::text not null,
    output_schema jsonb,
    created_at timestamp with time zone default clock_timestamp() not null
);

create table workers (
    tenant_id text collate "C" not null,
    id text collate "C" not null,
    mail_token text collate "C" not null,
    title text,
    summary text default ''::text not null,
    created_at timestamp with time zone default clock_timestamp() not null,
    updated_at timestamp with time zone default clock_timestamp() not null,
    deleted_at timestamp with time zone,
    mail_senders text[]
);

-- Constraints

alter table accounts add constraint accounts_pkey PRIMARY KEY (tenant_id, kind, id);
alter table agent_versions add constraint agent_versions_pkey PRIMARY KEY (tenant_id, agent, version);
alter table agents add constraint agents_pkey PRIMARY KEY (tenant_id, name);
alter table api_keys add constraint api_keys_pkey PRIMARY KEY (id);
alter table approvals add constraint approvals_pkey PRIMARY KEY (id);
alter table artifacts add constraint artifacts_pkey PRIMARY KEY (job_id, path);
alter table batch_counts add constraint batch_counts_pkey PRIMARY KEY (batch_num, backend);
alter table batch_inputs add constraint batch_inputs_pkey PRIMARY KEY (job_id, place);
alter table batches add constraint batches_pkey PRIMARY KEY (num);
alter table blobs add constraint blobs_pkey PRIMARY KEY (sha256);
alter table events add constraint events_pkey PRIMARY KEY (session_num, seq);
alter table idempotency_keys add constraint idempotency_keys_pkey PRIMARY KEY (scope);
alter table job_budgets add constraint job_budgets_pkey PRIMARY KEY (job_id);
alter table jobs add constraint jobs_pkey PRIMARY KEY (id);
alter table kazi_migrations add constraint kazi_migrations_pkey PRIMARY KEY (version);
alter table lanes add constraint lanes_pkey PRIMARY KEY (id);
alter table messages add constraint messages_pkey PRIMARY KEY (session_num, seq);
alter table model_batches add constraint model_batches_pkey PRIMARY KEY (id);
alter table model_calls add constraint model_calls_pkey PRIMARY KEY (job_id, ordinal);
alter table model_requests add constraint model_requests_pkey PRIMARY KEY (id);
alter table nodes add constraint nodes_pkey PRIMARY KEY (id);
alter table presence add constraint presence_pkey PRIMARY KEY (bus, holder);
alter table request_counts add constraint request_counts_pkey PRIMARY KEY (key);
alter table schedule_runs add constraint schedule_runs_pkey PRIMARY KEY (id);
alter table schedules add constraint schedules_pkey PRIMARY KEY (id);
alter table secrets add constraint secrets_pkey PRIMARY KEY (tenant_id, name);
alter table session_keys add constraint session_keys_pkey PRIMARY KEY (tenant_id, user_id, key);
alter table session_profile_versions add constraint session_profile_versions_pkey PRIMARY KEY (session_num, version);
alter table session_profiles add constraint session_profiles_pkey PRIMARY KEY (session_num);
alter table session_stops add constraint session_stops_pkey PRIMARY KEY (session_num);
alter table sessions add constraint sessions_pkey PRIMARY KEY (num);
alter table steps add constraint steps_pkey PRIMARY KEY (job_id, ordinal);
alter table summaries add constraint summaries_pkey PRIMARY KEY (session_num, seq);
alter table tenants add constraint tenants_pkey PRIMARY KEY (id);
alter table user_mail_addresses add constraint user_mail_addresses_pkey PRIMARY KEY (tenant_id, user_id);
alter table users add constraint users_pkey PRIMARY KEY (tenant_id, id);
alter table webhook_attempts add constraint webhook_attempts_pkey PRIMARY KEY (id);
alter table webhook_deliveries add constraint webhook_deliveries_pkey PRIMARY KEY (id);
alter table webhook_endpoints add constraint webhook_endpoints_pkey PRIMARY KEY (id);
alter table worker_settings add constraint worker_settings_pkey PRIMARY KEY (tenant_id, worker_id, num);
alter table workers add constraint workers_pkey PRIMARY KEY (tenant_id, id);
alter table api_keys add constraint api_keys_hash_key UNIQUE (hash);
alter table batches add constraint batches_id_key UNIQUE (id);
alter table lanes add constraint lanes_tenant_id_agent_key UNIQUE (tenant_id, agent);
alter table schedule_runs add constraint schedule_runs_schedule_id_due_at_generation_key UNIQUE (schedule_id, due_at, generation);
alter table sessions add constraint sessions_tenant_id_id_key UNIQUE (tenant_id, id);
alter table webhook_attempts add constraint webhook_attempts_delivery_id_number_key UNIQUE (delivery_id, number);
alter table accounts add constraint accounts_held_micros_check CHECK ((held_micros >= 0));
alter table accounts add constraint accounts_kind_check CHECK ((kind = ANY (ARRAY['tenant'::text, 'api_key'::text, 'session'::text, 'session_default'::text])));
alter table accounts add constraint accounts_max_cost_micros_check CHECK ((max_cost_micros >= 0));
alter table accounts add constraint accounts_max_requests_check CHECK ((max_requests >= 0));
alter table accounts add constraint accounts_requests_check CHECK ((requests >= 0));
alter table accounts add constraint accounts_spent_micros_check CHECK ((spent_micros >= 0));
alter table agent_versions add constraint agent_versions_version_check CHECK ((version >= 1));
alter table agents add constraint agents_name_check CHECK ((name ~ '^[a-z0-9][a-z0-9_-]{0,63}$'::text));
alter table agents add constraint agents_newest_version_check CHECK ((newest_version >= 0));
alter table api_keys add constraint api_keys_hash_check CHECK ((octet_length(hash) = 32));
alter table approvals add constraint approvals_check CHECK (((state = 'pending'::text) = (decided_at IS NULL)));
alter table approvals add constraint approvals_kind_check CHECK ((kind = ANY (ARRAY['tool'::text, 'question'::text])));
alter table approvals add constraint approvals_on_expiry_check CHECK ((on_expiry = ANY (ARRAY['allow'::text, 'deny'::text])));
alter table approvals add constraint approvals_state_check CHECK ((state = ANY (ARRAY['pending'::text, 'allowed'::text, 'denied'::text, 'expired'::text, 'canceled'::text])));
alter table artifacts add constraint artifacts_path_check CHECK (((path <> ''::text) AND (path !~ '^/'::text)));
alter table artifacts add constraint artifacts_size_bytes_check CHECK ((size_bytes >= 0));
alter table batch_inputs add constraint batch_inputs_role_check CHECK ((role = ANY (ARRAY['user'::text, 'system'::text, 'assistant'::text])));
alter table batches add constraint batches_check CHECK (((status = 'running'::text) = (completed_at IS NULL)));
alter table batches add constraint batches_check1 CHECK (((settled_at IS NULL) OR ((status <> 'running'::text) AND (((succeeded + failed) + cancelled) = total))));
alter table batches add constraint batches_status_check CHECK ((status = ANY (ARRAY['running'::text, 'completed'::text, 'failed'::text, 'cancelled'::text])));
alter table batches add constraint batches_total_check CHECK ((total >= 1));
alter table blobs add constraint blobs_sha256_check CHECK ((sha256 ~ '^[0-9a-f]{64}$'::text));
alter table blobs add constraint blobs_size_bytes_check CHECK ((size_bytes >= 0));
alter table events add constraint events_seq_check CHECK ((seq >= 1));
alter table idempotency_keys add constraint idempotency_keys_request_hash_check CHECK ((octet_length(request_hash) = 32));
alter table idempotency_keys add constraint idempotency_keys_scope_check CHECK ((octet_length(scope) = 32));
alter table job_budgets add constraint job_budgets_depth_check CHECK ((depth >= 0));
alter table job_budgets add constraint job_budgets_held_micros_check CHECK ((held_micros >= 0));
alter table job_budgets add constraint job_budgets_level_check CHECK ((level = ANY (ARRAY['low'::text, 'standard'::text, 'high'::text, 'unlimited'::text])));
alter table job_budgets add constraint job_budgets_own_held_micros_check CHECK ((own_held_micros >= 0));
alter table jobs add constraint jobs_attempts_check CHECK ((attempts >= 0));
alter table jobs add constraint jobs_check CHECK (((state <> 'queued'::text) OR (lease_id IS NULL)));
alter table jobs add constraint jobs_check1 CHECK (((state <> 'running'::text) OR ((lease_id IS NOT NULL) AND (started_at IS NOT NULL))));
alter table jobs add constraint jobs_check2 CHECK (((state = ANY (ARRAY['complete'::text, 'failed'::text])) = (completed_at IS NOT NULL)));
alter table jobs add constraint jobs_check3 CHECK (((state = 'canceled'::text) = (canceled_at IS NOT NULL)));
alter table jobs add constraint jobs_check4 CHECK (((state <> ALL (ARRAY['complete'::text, 'failed'::text])) OR (lease_id IS NULL)));
alter table jobs add constraint jobs_check5 CHECK (((lease_id IS NULL) = (node_id IS NULL)));
alter table jobs add constraint jobs_kind_check CHECK ((kind = ANY (ARRAY['prompt'::text, 'steer'::text])));
alter table jobs add constraint jobs_spared_attempts_check CHECK ((spared_attempts >= 0));
alter table jobs add constraint jobs_state_check CHECK ((state = ANY (ARRAY['queued'::text, 'running'::text, 'complete'::text, 'failed'::text, 'canceled'::text])));
alter table lanes add constraint lanes_max_running_check CHECK ((max_running >= 0));
alter table messages add constraint messages_role_check CHECK ((role = ANY (ARRAY['user'::text, 'assistant'::text])));
alter table model_batches add constraint model_batches_check CHECK (((state = 'waiting'::text) <= (provider_id IS NOT NULL)));
alter table model_batches add constraint model_batches_state_check CHECK ((state = ANY (ARRAY['submitting'::text, 'waiting'::text, 'ended'::text])));
alter table model_requests add constraint model_requests_check CHECK (((state = 'submitted'::text) <= (batch_id IS NOT NULL)));
alter table model_requests add constraint model_requests_check1 CHECK (((state = 'answered'::text) <= ((status IS NOT NULL) AND (answer IS NOT NULL))));
alter table model_requests add constraint model_requests_name_check CHECK ((name = ANY (ARRAY['model'::text, 'compact'::text])));
alter table model_requests add constraint model_requests_state_check CHECK ((state = ANY (ARRAY['collecting'::text, 'submitted'::text, 'answered'::text, 'expired'::text, 'settled'::text])));
alter table model_requests add constraint model_requests_try_check CHECK ((try > 0));
alter table nodes add constraint nodes_role_check CHECK ((role = ANY (ARRAY['api'::text, 'runner'::text, 'all'::text])));
alter table request_counts add constraint request_counts_key_check CHECK ((octet_length(key) = 16));
alter table schedule_runs add constraint schedule_runs_check CHECK (((outcome = 'pending'::text) = (retry_at IS NOT NULL)));
alter table schedule_runs add constraint schedule_runs_check1 CHECK (((outcome = 'fired'::text) = (fired_at IS NOT NULL)));
alter table schedule_runs add constraint schedule_runs_outcome_check CHECK ((outcome = ANY (ARRAY['pending'::text, 'fired'::text, 'skipped'::text, 'failed'::text])));
alter table schedule_runs add constraint schedule_runs_trigger_check CHECK ((trigger = ANY (ARRAY['due'::text, 'catch_up'::text, 'backfill'::text, 'manual'::text])));
alter table schedules add constraint schedules_budget_check CHECK ((budget = ANY (ARRAY['low'::text, 'standard'::text, 'high'::text, 'unlimited'::text])));
alter table schedules add constraint schedules_catch_up_check CHECK ((catch_up = ANY (ARRAY['one'::text, 'all'::text, 'none'::text])));
alter table schedules add constraint schedules_catch_up_window_seconds_check CHECK ((catch_up_window_seconds > 0));
alter table schedules add constraint schedules_check CHECK (((next_due_at IS NULL) = (next_fire_at IS NULL)));
alter table schedules add constraint schedules_check1 CHECK ((enabled OR (next_fire_at IS NULL)));
alter table schedules add constraint schedules_check2 CHECK (((kind <> ALL (ARRAY['one_off'::text, 'delay'::text])) OR (run_at IS NOT NULL)));
alter table schedules add constraint schedules_check3 CHECK (((kind <> 'cron'::text) OR (cron IS NOT NULL)));
alter table schedules add constraint schedules_check4 CHECK (((kind <> 'interval'::text) OR ((run_at IS NOT NULL) AND (period_seconds IS NOT NULL))));
alter table schedules add constraint schedules_check5 CHECK (((kind <> 'delay'::text) OR (period_seconds IS NOT NULL)));
alter table schedules add constraint schedules_jitter_seconds_check CHECK (((jitter_seconds >= 0) AND (jitter_seconds <= 3600)));
alter table schedules add constraint schedules_kind_check CHECK ((kind = ANY (ARRAY['one_off'::text, 'delay'::text, 'cron'::text, 'interval'::text])));
alter table schedules add constraint schedules_max_runs_check CHECK ((max_runs > 0));
alter table schedules add constraint schedules_overlap_check CHECK ((overlap = ANY (ARRAY['skip'::text, 'queue_one'::text, 'queue_all'::text, 'cancel_running'::text, 'allow'::text])));
alter table schedules add constraint schedules_pause_after_failures_check CHECK ((pause_after_failures > 0));
alter table schedules add constraint schedules_period_seconds_check CHECK (((period_seconds >= 1) AND (period_seconds <= 31536000)));
alter table schedules add constraint schedules_session_mode_check CHECK ((session_mode = ANY (ARRAY['same'::text, 'new'::text])));
alter table secrets add constraint secrets_check CHECK (((previous_sealed IS NULL) = (previous_until IS NULL)));
alter table secrets add constraint secrets_name_check CHECK (((char_length(name) >= 1) AND (char_length(name) <= 128)));
alter table session_keys add constraint session_keys_key_check CHECK (((char_length(key) >= 1) AND (char_length(key) <= 256)));
alter table session_profile_versions add constraint session_profile_versions_version_check CHECK ((version >= 1));
alter table session_stops add constraint session_stops_mode_check CHECK ((mode = ANY (ARRAY['graceful'::text, 'immediate'::text])));
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
alter table user_mail_addresses add constraint user_mail_addresses_addresses_check CHECK (((cardinality(addresses) >= 1) AND (cardinality(addresses) <= 100)));
alter table users add constraint users_id_check CHECK ((id <> ''::text));
alter table webhook_attempts add constraint webhook_attempts_number_check CHECK ((number >= 1));
alter table webhook_deliveries add constraint webhook_deliveries_attempts_check CHECK ((attempts >= 0));
alter table webhook_deliveries add constraint webhook_deliveries_check CHECK (((config IS NOT NULL) OR (endpoint_id IS NOT NULL) OR (job_id IS NOT NULL)));
alter table webhook_deliveries add constraint webhook_deliveries_check1 CHECK (((payload IS NOT NULL) OR (job_id IS NOT NULL)));
alter table webhook_deliveries add constraint webhook_deliveries_check2 CHECK (((lease_id IS NULL) = (node_id IS NULL)));
alter table webhook_deliveries add constraint webhook_deliveries_check3 CHECK (((lease_id IS NULL) OR (state = 'pending'::text)));
alter table webhook_deliveries add constraint webhook_deliveries_check4 CHECK (((state <> 'delivered'::text) OR (delivered_at IS NOT NULL)));
alter table webhook_deliveries add constraint webhook_deliveries_state_check CHECK ((state = ANY (ARRAY['pending'::text, 'delivered'::text, 'failed'::text])));
alter table webhook_endpoints add constraint webhook_endpoints_check CHECK (((previous_sealed IS NULL) = (previous_until IS NULL)));
alter table webhook_endpoints add constraint webhook_endpoints_check1 CHECK (((failures = 0) = (failing_since IS NULL)));
alter table webhook_endpoints add constraint webhook_endpoints_check2 CHECK (((disabled_at IS NULL) = (disabled_reason IS NULL)));
alter table webhook_endpoints add constraint webhook_endpoints_failures_check CHECK ((failures >= 0));
alter table worker_settings add constraint worker_settings_instructions_check CHECK ((char_length(instructions) <= 20000));
alter table worker_settings add constraint worker_settings_num_check CHECK ((num >= 1));
alter table workers add constraint workers_mail_token_check CHECK ((mail_token ~ '^[a-z0-9]{8}$'::text));
alter table workers add constraint workers_summary_check CHECK ((char_length(summary) <= 80));
alter table workers add constraint workers_title_check CHECK (((char_length(title) >= 1) AND (char_length(title) <= 200)));
alter table accounts add constraint accounts_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id);
alter table agent_versions add constraint agent_versions_tenant_id_agent_fkey FOREIGN KEY (tenant_id, agent) REFERENCES agents(tenant_id, name);
alter table agents add constraint agents_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id);
alter table api_keys add constraint api_keys_tenant_id_user_id_fkey FOREIGN KEY (tenant_id, user_id) REFERENCES users(tenant_id, id);
alter table approvals add constraint approvals_job_id_fkey FOREIGN KEY (job_id) REFERENCES jobs(id);
alter table artifacts add constraint artifacts_job_id_fkey FOREIGN KEY (job_id) REFERENCES jobs(id);
alter table artifacts add constraint artifacts_sha256_fkey FOREIGN KEY (sha256) REFERENCES blobs(sha256);
alter table batch_counts add constraint batch_counts_batch_num_fkey FOREIGN KEY (batch_num) REFERENCES batches(num);
alter table batches add constraint batches_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id);
alter table jobs add constraint jobs_lane_id_fkey FOREIGN KEY (lane_id) REFERENCES lanes(id);
alter table jobs add constraint jobs_session_num_fkey FOREIGN KEY (session_num) REFERENCES sessions(num);
alter table lanes add constraint lanes_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id);
alter table model_requests add constraint model_requests_batch_id_fkey FOREIGN KEY (batch_id) REFERENCES model_batches(id);
alter table model_requests add constraint model_requests_job_id_fkey FOREIGN KEY (job_id) REFERENCES jobs(id);
alter table schedule_runs add constraint schedule_runs_schedule_id_fkey FOREIGN KEY (schedule_id) REFERENCES schedules(id) ON DELETE CASCADE;
alter table schedules add constraint schedules_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id);
alter table secrets add constraint secrets_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id);
alter table session_keys add constraint session_keys_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id);
alter table session_profile_versions add constraint session_profile_versions_session_num_fkey FOREIGN KEY (session_num) REFERENCES session_profiles(session_num);
alter table session_profiles add constraint session_profiles_session_num_fkey FOREIGN KEY (session_num) REFERENCES sessions(num);
alter table session_stops add constraint session_stops_session_num_fkey FOREIGN KEY (session_num) REFERENCES sessions(num);
alter table sessions add constraint sessions_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id);
alter table sessions add constraint sessions_tenant_id_user_id_fkey FOREIGN KEY (tenant_id, user_id) REFERENCES users(tenant_id, id);
alter table user_mail_addresses add constraint user_mail_addresses_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id);
alter table users add constraint users_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id);
alter table webhook_attempts add constraint webhook_attempts_delivery_id_fkey FOREIGN KEY (delivery_id) REFERENCES webhook_deliveries(id);
alter table webhook_deliveries add constraint webhook_deliveries_endpoint_id_fkey FOREIGN KEY (endpoint_id) REFERENCES webhook_endpoints(id);
alter table webhook_deliveries add constraint webhook_deliveries_job_id_fkey FOREIGN KEY (job_id) REFERENCES jobs(id);
alter table webhook_deliveries add constraint webhook_deliveries_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id);
alter table webhook_endpoints add constraint webhook_endpoints_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id);
alter table worker_settings add constraint worker_settings_tenant_id_worker_id_fkey FOREIGN KEY (tenant_id, worker_id) REFERENCES workers(tenant_id, id);
alter table workers add constraint workers_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id);

-- Indexes

CREATE INDEX api_keys_by_tenant ON public.api_keys USING btree (tenant_id, created_at);
CREATE INDEX approvals_by_job ON public.approvals USING btree (job_id);
CREATE INDEX approvals_by_session ON public.approvals USING btree (tenant_id, session_id, created_at, id);
CREATE INDEX approvals_by_tenant ON public.approvals USING btree (tenant_id, created_at, id);
CREATE INDEX approvals_pending ON public.approvals USING btree (tenant_id, created_at, id) WHERE (state = 'pending'::text);
CREATE INDEX artifacts_by_blob ON public.artifacts USING btree (sha256);
CREATE INDEX batches_by_tenant ON public.batches USING btree (tenant_id, num);
CREATE INDEX batches_unsettled ON public.batches USING btree (num) WHERE (settled_at IS NULL);
CREATE INDEX events_by_time ON public.events USING brin (at) WITH (pages_per_range='32', autosummarize='on');
CREATE INDEX idempotency_keys_by_expiry ON public.idempotency_keys USING btree (expires_at);
CREATE INDEX job_budgets_by_parent ON public.job_budgets USING btree (parent_job) WHERE (parent_job IS NOT NULL);
CREATE INDEX job_budgets_open ON public.job_budgets USING btree (created_at) WHERE (closed_at IS NULL);
CREATE INDEX jobs_by_batch ON public.jobs USING btree (batch_num, num) WHERE (batch_num IS NOT NULL);
CREATE INDEX jobs_by_session ON public.jobs USING btree (session_num, num);
CREATE INDEX jobs_by_tenant ON public.jobs USING btree (tenant_id, num);
CREATE INDEX jobs_expiring ON public.jobs USING btree (expires_at) WHERE ((state = 'queued'::text) AND (expires_at IS NOT NULL) AND (attempts = 0));
CREATE INDEX jobs_next ON public.jobs USING btree (session_num, order_at, pos) WHERE (state = 'queued'::text);
CREATE INDEX jobs_of_batch_open ON public.jobs USING btree (batch_num, num) WHERE ((batch_num IS NOT NULL) AND (state = ANY (ARRAY['queued'::text, 'running'::text])));
CREATE UNIQUE INDEX jobs_one_held ON public.jobs USING btree (tenant_id, session_num) WHERE (lease_id IS NOT NULL);
CREATE INDEX jobs_steering ON public.jobs USING btree (session_num) WHERE ((state = 'queued'::text) AND (kind = 'steer'::text) AND (attempts = 0));
CREATE INDEX messages_by_job ON public.messages USING btree (job_id, seq);
CREATE UNIQUE INDEX model_batches_by_provider_id ON public.model_batches USING btree (provider, provider_id) WHERE (provider_id IS NOT NULL);
CREATE INDEX model_batches_due ON public.model_batches USING btree (due_at) WHERE (state <> 'ended'::text);
CREATE INDEX model_batches_ended ON public.model_batches USING btree (ended_at) WHERE (state = 'ended'::text);
CREATE INDEX model_calls_by_root ON public.model_calls USING btree (root_job);
CREATE INDEX model_calls_by_tenant ON public.model_calls USING btree (tenant_id, at);
CREATE INDEX model_requests_by_batch ON public.model_requests USING btree (batch_id) WHERE (batch_id IS NOT NULL);
CREATE INDEX model_requests_by_job ON public.model_requests USING btree (job_id, ordinal);
CREATE INDEX model_requests_collecting ON public.model_requests USING btree (provider, account, variant, created_at) WHERE (state = 'collecting'::text);
CREATE INDEX model_requests_loose ON public.model_requests USING btree (job_id) WHERE (state = ANY (ARRAY['collecting'::text, 'answered'::text, 'expired'::text]));
CREATE INDEX presence_by_holder ON public.presence USING btree (holder);
CREATE INDEX request_counts_by_end ON public.request_counts USING btree (ends_at);
CREATE INDEX schedule_runs_by_age ON public.schedule_runs USING btree (claimed_at);
CREATE INDEX schedule_runs_pending ON public.schedule_runs USING btree (retry_at) WHERE (outcome = 'pending'::text);
CREATE INDEX schedules_by_request ON public.schedules USING btree (tenant_id, request_hash, created_at) WHERE (request_hash IS NOT NULL);
CREATE INDEX schedules_by_tenant ON public.schedules USING btree (tenant_id, num);
CREATE INDEX schedules_due ON public.schedules USING btree (next_fire_at) WHERE (next_fire_at IS NOT NULL);
CREATE INDEX session_keys_by_session ON public.session_keys USING btree (tenant_id, session_id);
CREATE INDEX session_profiles_by_tenant ON public.session_profiles USING btree (tenant_id, session_num) WHERE (deleted_at IS NULL);
CREATE INDEX sessions_by_tenant ON public.sessions USING btree (tenant_id, num);
CREATE INDEX sessions_delayed ON public.sessions USING btree (head_run_at) WHERE ((head_job IS NOT NULL) AND (NOT head_ready));
CREATE INDEX sessions_ready ON public.sessions USING btree (head_lane, head_priority DESC, head_run_at, head_num) WHERE head_ready;
CREATE INDEX webhook_deliveries_by_endpoint ON public.webhook_deliveries USING btree (endpoint_id, id) WHERE (endpoint_id IS NOT NULL);
CREATE UNIQUE INDEX webhook_deliveries_by_job ON public.webhook_deliveries USING btree (job_id, endpoint_id) NULLS NOT DISTINCT WHERE (job_id IS NOT NULL);
CREATE INDEX webhook_deliveries_by_tenant ON public.webhook_deliveries USING btree (tenant_id, id);
CREATE INDEX webhook_deliveries_due ON public.webhook_deliveries USING btree (target, due_at) WHERE ((state = 'pending'::text) AND (lease_id IS NULL));
CREATE INDEX webhook_deliveries_failed ON public.webhook_deliveries USING btree (tenant_id, id) WHERE (state = 'failed'::text);
CREATE INDEX webhook_deliveries_held ON public.webhook_deliveries USING btree (node_id) WHERE (lease_id IS NOT NULL);
CREATE INDEX webhook_deliveries_next ON public.webhook_deliveries USING btree (due_at) WHERE ((state = 'pending'::text) AND (lease_id IS NULL));
CREATE INDEX webhook_endpoints_by_tenant ON public.webhook_endpoints USING btree (tenant_id, created_at) WHERE (deleted_at IS NULL);
CREATE INDEX webhook_endpoints_by_worker ON public.webhook_endpoints USING btree (tenant_id, worker_id) WHERE (worker_id IS NOT NULL);
CREATE UNIQUE INDEX webhook_endpoints_of_worker ON public.webhook_endpoints USING btree (tenant_id, worker_id) WHERE ((worker_id IS NOT NULL) AND (deleted_at IS NULL));
CREATE UNIQUE INDEX workers_by_mailbox ON public.workers USING btree ("right"(id, 26), mail_token);

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
        i.idempotency_response, i.idempotency_ms, nextval('job_nums'), i.only_if_idle, i.max_attempts,
        i.webhook, i.kind, i.expires_ms, i.note
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
        where (not i.enforce_user or s.user_id is not distinct from i.user_id or refuse_session(i.session_id))
            and (i.only_if_idle is not true or (s.running_job is null and s.head_job = i.id) or refuse_busy(i.session_id))
        window whole as (partition by s.num), arrival as (partition by s.num order by i.ord)
    ),
    made as (
        insert into jobs (
            id, num, tenant_id, session_num, lane_id, user_id, agent, agent_version, priority, order_at, pos, run_at,
            schedule_at, first_seq, question, metadata, request_hash, created_at, updated_at, max_attempts,
            webhook, kind, expires_at
        )
        select p.id, p.num, p.tenant_id, p.s_num, p.lane_id, p.user_id, p.agent, p.agent_version, p.priority, p.place_at,
               p.pos, p.place_at, p.schedule_at, p.seq, p.question, p.metadata, p.request_hash, p.made_at, p.made_at, p.max_attempts,
               p.webhook, p.kind, p.made_at + p.expires_ms * interval '1 ms'
        from placed p
    ),
    logged as (
        insert into events (session_num, seq, job_id, type, data, at)
        select p.s_num, p.seq, p.id, 'job.submitted', jsonb_build_object('agent', p.agent) || coalesce(p.note, '{}'), p.made_at
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

CREATE OR REPLACE FUNCTION public.add_batch_items(p_batch bigint, p_priority smallint, p_budget jsonb, p_items jsonb)
 RETURNS void
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
AS $function$
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
$function$;

CREATE OR REPLACE FUNCTION public.admit_job(p_budget jsonb, p_estimate bigint, p_session_max_requests integer, p_counts boolean)
 RETURNS TABLE(scope text, measure text, limit_value bigint, used_value bigint, requests integer, max_requests integer, cost_micros bigint, max_cost_micros bigint)
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
AS $function$
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
$function$;

CREATE OR REPLACE FUNCTION public.batch_first_output(p_batch bigint)
 RETURNS timestamp with time zone
 LANGUAGE sql
 STABLE
 SET enable_seqscan TO 'off'
AS $function$
    select min(m.created_at) from jobs j
    join messages m on m.job_id = j.id
    where j.batch_num = p_batch and j.started_at is not null and m.role = 'assistant'
        and not exists (select 1 from batch_inputs i where i.job_id = j.id and i.id = m.id)
$function$;

CREATE OR REPLACE FUNCTION public.batch_places(p_batch bigint, p_session bigint)
 RETURNS TABLE(part integer, at timestamp with time zone, num bigint, ord bigint, id uuid, job_id uuid, session_num bigint)
 LANGUAGE sql
 STABLE
 SET enable_seqscan TO 'off'
AS $function$
    select 0, b.created_at, j.num, i.place::bigint, i.id, j.id, j.session_num
    from batches b join jobs j on j.batch_num = b.num join batch_inputs i on i.job_id = j.id
    where b.num = p_batch and (p_session is null or j.session_num = p_session)
    union all
    select 1, m.created_at, j.num, m.seq, m.id, j.id, j.session_num
    from jobs j join messages m on m.job_id = j.id
    where j.batch_num = p_batch and (p_session is null or j.session_num = p_session)
        and not exists (select 1 from batch_inputs i where i.job_id = j.id and i.id = m.id)
$function$;

CREATE OR REPLACE FUNCTION public.batch_progress(p_batch bigint)
 RETURNS TABLE(succeeded bigint, failed bigint, cancelled bigint, updated_at timestamp with time zone)
 LANGUAGE sql
 STABLE
AS $function$
    select coalesce(sum(c.succeeded), 0), coalesce(sum(c.failed), 0), coalesce(sum(c.cancelled), 0), max(c.updated_at)
    from batch_counts c where c.batch_num = p_batch
$function$;

CREATE OR REPLACE FUNCTION public.begin_batch(p_batch jsonb, p_sessions bigint[], p_scope bytea, p_hash bytea, p_response text, p_keep_ms bigint, p_retry_ms bigint)
 RETURNS TABLE(batch_num bigint, batch_id uuid, created_at timestamp with time zone, replay boolean, missing bigint[])
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
AS $function$
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
$function$;

CREATE OR REPLACE FUNCTION public.budget_rooms(p_job uuid)
 RETURNS TABLE(rank integer, scope text, limit_micros bigint, used_micros bigint)
 LANGUAGE sql
 STABLE
 SET enable_seqscan TO 'off'
AS $function$
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
$function$;

CREATE OR REPLACE FUNCTION public.cancel_batch(p_batch bigint)
 RETURNS boolean
 LANGUAGE sql
 SET enable_seqscan TO 'off'
AS $function$
    update batches b set
        status = 'cancelled', completed_at = date_trunc('milliseconds', clock_timestamp()), updated_at = clock_timestamp()
    where b.num = p_batch and b.status = 'running'
    returning true
$function$;

CREATE OR REPLACE FUNCTION public.cancel_batch_items(p_batch bigint, p_limit integer)
 RETURNS TABLE(job_id uuid, session_num bigint, has_run boolean, lanes integer[])
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
AS $function$
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
$function$;

CREATE OR REPLACE FUNCTION public.cancel_job(p_id uuid, p_reason text)
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
$function$;

CREATE OR REPLACE FUNCTION public.change_profile(p_session bigint, p_changes jsonb, p_by text)
 RETURNS boolean
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
AS $function$
declare
    v_profile session_profiles;
begin
    select p.* into v_profile from session_profiles p where p.session_num = p_session and p.deleted_at is null for update;
    if not found then
        return false;
    end if;
    v_profile := jsonb_populate_record(v_profile, p_changes);
    update session_profiles p set
        name = v_profile.name, model = v_profile.model, instructions = v_profile.instructions,
        description = v_profile.description, tags = v_profile.tags, metadata = v_profile.metadata,
        timezone = v_profile.timezone, blocks = v_profile.blocks, updated_at = clock_timestamp(), updated_by = p_by
    where p.session_num = p_session;
    insert into session_profile_versions (session_num, version, model, instructions, blocks)
    select p_session, max(v.version) + 1, v_profile.model, v_profile.instructions, v_profile.blocks
    from session_profile_versions v where v.session_num = p_session;
    return true;
end
$function$;

CREATE OR REPLACE FUNCTION public.charge_job(p_job uuid, p_spent bigint, p_held bigint, p_calls integer)
 RETURNS void
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
AS $function$
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
$function$;

CREATE OR REPLACE FUNCTION public.charge_model_request(p_id uuid, p_is_paid boolean, p_usage jsonb, p_cost bigint)
 RETURNS boolean
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
AS $function$
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
$function$;

CREATE OR REPLACE FUNCTION public.claim_job_deliveries(p_node bigint, p_jobs uuid[], p_targets text[], p_free integer[], p_usual integer, p_limit integer)
 RETURNS TABLE(id uuid, lease_id bigint, tenant_id text, job_id uuid, endpoint_id uuid, event text, event_at timestamp with time zone, payload jsonb, target text, attempts integer, replayed_after integer, webhook jsonb, previous_sealed text, closed text)
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
AS $function$
#variable_conflict use_column
declare
    v_ids uuid[];
begin
    -- All of the jobs' first: with the state among the conditions the indexes of all that waits would look cheap.
    with mine as materialized (
        select d.id, d.target, d.due_at, d.state, d.lease_id
        from unnest(p_jobs) j (job_id) join webhook_deliveries d on d.job_id = j.job_id
    )
    select array_agg(w.id) into v_ids from (
        select m.id, row_number() over (partition by m.target order by m.due_at, m.id) as place, coalesce(r.free, p_usual) as free
        from mine m left join unnest(p_targets, p_free) r (target, free) on r.target = m.target
        where m.state = 'pending' and m.lease_id is null and m.due_at <= clock_timestamp()
    ) w where w.place <= w.free;
    if v_ids is null then
        return;
    end if;
    return query
    with chosen as materialized (
        select d.id, d.job_id, d.endpoint_id from webhook_deliveries d
        where d.id = any (v_ids) and d.state = 'pending' and d.lease_id is null
        limit p_limit
        for update skip locked
    )
    update webhook_deliveries d set lease_id = nextval('webhook_leases'), node_id = p_node
    from chosen c left join jobs j on j.id = c.job_id left join webhook_endpoints e on e.id = c.endpoint_id
    where d.id = c.id
    returning d.id, d.lease_id, d.tenant_id, d.job_id, d.endpoint_id, d.event, d.event_at, d.payload, d.target, d.attempts,
        d.replayed_after, coalesce(d.config, e.config, j.webhook),
        case when e.previous_until > clock_timestamp() then e.previous_sealed end,
        case when e.deleted_at is not null then 'deleted' when e.disabled_at is not null then 'disabled' end;
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

CREATE OR REPLACE FUNCTION public.claim_model_batches(p_node bigint, p_providers text[], p_accounts text[], p_busy uuid[], p_limit integer)
 RETURNS TABLE(id uuid, claim_num bigint, provider text, state text, provider_id text, requests integer, refusals integer, attempted_at timestamp with time zone, attempted_ms bigint, submitted_ms bigint)
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
AS $function$
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
$function$;

CREATE OR REPLACE FUNCTION public.close_budgets(p_jobs uuid[])
 RETURNS uuid[]
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
AS $function$
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
$function$;

CREATE OR REPLACE FUNCTION public.close_deliveries(p_endpoint uuid, p_error text)
 RETURNS void
 LANGUAGE sql
 SET enable_seqscan TO 'off'
AS $function$
    update webhook_deliveries d set state = 'failed', last_error = p_error, updated_at = clock_timestamp()
    where d.endpoint_id = p_endpoint and d.state = 'pending' and d.lease_id is null
$function$;

CREATE OR REPLACE FUNCTION public.count_batch_item()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
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
$function$;

CREATE OR REPLACE FUNCTION public.create_profile(p_profile jsonb)
 RETURNS bigint
 LANGUAGE plpgsql
AS $function$
declare
    v_new session_profiles := jsonb_populate_record(null::session_profiles, p_profile);
    v_num bigint;
begin
    insert into sessions (tenant_id, id, user_id) values (v_new.tenant_id, v_new.session_id, v_new.user_id)
    returning num into v_num;
    insert into session_profiles (
        session_num, tenant_id, session_id, user_id, name, model, instructions, description, tags, metadata, timezone,
        blocks, updated_by
    ) values (
        v_num, v_new.tenant_id, v_new.session_id, v_new.user_id, v_new.name, v_new.model, v_new.instructions,
        v_new.description, v_new.tags, v_new.metadata, v_new.timezone, v_new.blocks, v_new.user_id
    );
    insert into session_profile_versions (session_num, version, model, instructions, blocks)
    values (v_num, 1, v_new.model, v_new.instructions, v_new.blocks);
    return v_num;
end
$function$;

CREATE OR REPLACE FUNCTION public.decide_approval(p_id uuid, p_state text, p_message text, p_by text)
 RETURNS TABLE(changed boolean, session_num bigint, lanes integer[])
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
AS $function$
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
$function$;

CREATE OR REPLACE FUNCTION public.disable_endpoint(p_id uuid, p_reason text)
 RETURNS boolean
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
AS $function$
declare
    v_endpoint webhook_endpoints;
begin
    update webhook_endpoints e set disabled_at = clock_timestamp(), disabled_reason = p_reason, updated_at = clock_timestamp()
    where e.id = p_id and e.disabled_at is null and e.deleted_at is null
    returning e.* into v_endpoint;
    if not found then
        return false;
    end if;
    perform close_deliveries(p_id, 'The endpoint was disabled: ' || p_reason);
    insert into webhook_deliveries (tenant_id, endpoint_id, event, event_at, target, payload)
    select e.tenant_id, e.id, 'webhook.endpoint_disabled', v_endpoint.disabled_at, e.config ->> 'target', jsonb_build_object(
        'event', 'webhook.endpoint_disabled',
        'endpoint', jsonb_build_object(
            'endpoint_id', v_endpoint.id, 'name', v_endpoint.name, 'url', v_endpoint.config ->> 'url', 'reason', p_reason,
            'disabled_at', floor(extract(epoch from v_endpoint.disabled_at))::bigint
        )
    )
    from webhook_endpoints e
    where e.tenant_id = v_endpoint.tenant_id and e.deleted_at is null and e.disabled_at is null and e.session_id is null
        and (e.events = '{}' or 'webhook.endpoint_disabled' = any (e.events));
    return true;
end
$function$;

CREATE OR REPLACE FUNCTION public.expire_prompts(p_limit integer)
 RETURNS TABLE(sessions bigint[], lanes integer[])
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
AS $function$
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
$function$;

CREATE OR REPLACE FUNCTION public.fork_session(p_source bigint, p_num bigint, p_id text, p_user text)
 RETURNS void
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
AS $function$
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
$function$;

CREATE OR REPLACE FUNCTION public.form_model_batches(p_providers text[], p_accounts text[], p_window_ms bigint, p_most integer, p_most_bytes bigint)
 RETURNS integer
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
AS $function$
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
$function$;

CREATE OR REPLACE FUNCTION public.has_used_attempts(p_job jobs, p_most integer)
 RETURNS boolean
 LANGUAGE sql
 IMMUTABLE
AS $function$
    select coalesce(p_job.attempts - p_job.spared_attempts >= least(p_most, p_job.max_attempts) and p_most is not null, false)
$function$;

CREATE OR REPLACE FUNCTION public.hold_spend(p_job uuid, p_wanted bigint, p_least bigint)
 RETURNS TABLE(held_micros bigint, scope text, limit_micros bigint, used_micros bigint)
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
AS $function$
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
$function$;

CREATE OR REPLACE FUNCTION public.lock_spending(p_jobs uuid[])
 RETURNS void
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
AS $function$
begin
    perform 1 from accounts a
    where a.kind = 'tenant' and a.id = ''
        and a.tenant_id in (select b.tenant_id from job_budgets b where b.job_id = any (p_jobs))
    order by a.tenant_id
    for no key update;
end
$function$;

CREATE OR REPLACE FUNCTION public.move_to_front(p_session bigint, p_job uuid)
 RETURNS integer[]
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
AS $function$
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
$function$;

CREATE OR REPLACE FUNCTION public.new_ulid()
 RETURNS uuid
 LANGUAGE sql
AS $function$
    select (lpad(to_hex(floor(extract(epoch from clock_timestamp()) * 1000)::bigint), 12, '0') || left(r.hex, 12) || right(r.hex, 8))::uuid
    from (select replace(gen_random_uuid()::text, '-', '') as hex) r
$function$;

CREATE OR REPLACE FUNCTION public.open_accounts(p_tenant text, p_session text, p_key text)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
begin
    insert into accounts (tenant_id, kind, id)
    select p_tenant, a.kind, a.id
    from (values (1, 'tenant', ''), (2, 'session', p_session), (3, 'api_key', p_key)) a (ord, kind, id)
    where a.id is not null
    order by a.ord
    on conflict do nothing;
    perform 1 from accounts a where a.tenant_id = p_tenant and a.kind = 'tenant' and a.id = '' for no key update;
end
$function$;

CREATE OR REPLACE FUNCTION public.open_batch_item()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
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
$function$;

CREATE OR REPLACE FUNCTION public.park_job(p_job uuid, p_lease bigint, p_wake_ms bigint, p_reason text)
 RETURNS TABLE(released integer, sessions bigint[], lanes integer[])
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
AS $function$
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
$function$;

CREATE OR REPLACE FUNCTION public.place_job(p_item jsonb, p_mode text, p_target uuid, p_prompts integer, p_characters integer, p_responses jsonb)
 RETURNS TABLE(outcome text, job_id uuid, target_job uuid, session_num bigint, created_at timestamp with time zone, expires_at timestamp with time zone, lanes integer[], queue_length bigint)
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
AS $function$
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
$function$;

CREATE OR REPLACE FUNCTION public.promote_prompt(p_session bigint, p_job uuid)
 RETURNS integer[]
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
AS $function$
begin
    perform 1 from sessions s where s.num = p_session for no key update;
    if not exists (select 1 from waiting_prompts(p_session) w where w.id = p_job) then
        return null;
    end if;
    return move_to_front(p_session, p_job);
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

CREATE OR REPLACE FUNCTION public.prune_events(p_older_ms bigint, p_sessions integer)
 RETURNS integer
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
AS $function$
declare
    v_before timestamptz := clock_timestamp() - p_older_ms * interval '1 ms';
    v_sessions integer;
begin
    with old as materialized (
        select e.session_num, max(e.seq) as seq from events e where e.at < v_before group by e.session_num
    ),
    due as materialized (
        select o.session_num, o.seq from old o join sessions s on s.num = o.session_num
        where s.running_job is null and s.queued_jobs = 0
            and not exists (
                select 1 from workers w where w.tenant_id = s.tenant_id and w.id = s.id and w.deleted_at is null
            )
        limit p_sessions
    ),
    gone as (
        delete from events e using due d where e.session_num = d.session_num and e.seq <= d.seq
        returning e.session_num
    )
    select count(distinct g.session_num) into v_sessions from gone g;
    return v_sessions;
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
                and (j.expires_at is null or j.expires_at > clock_timestamp() or j.attempts > 0)
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

CREATE OR REPLACE FUNCTION public.refuse_busy(p_session text)
 RETURNS boolean
 LANGUAGE plpgsql
AS $function$
begin
    raise exception 'session % has other work', p_session using errcode = 'KZ002';
end
$function$;

CREATE OR REPLACE FUNCTION public.refuse_prompt(p_session text, p_count bigint)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
begin
    raise exception 'the prompt queue of session % is full', p_session using errcode = 'KZ003', detail = p_count::text;
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
                         when has_used_attempts(j, p_max_attempts) then 'failed'
                         else 'queued' end,
            completed_at = case when j.state <> 'canceled' and has_used_attempts(j, p_max_attempts) then clock_timestamp() end,
            error = case when j.state = 'canceled' then j.error
                         when has_used_attempts(j, p_max_attempts) then format('Job abandoned after %s attempts', j.attempts) end,
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
$function$;

CREATE OR REPLACE FUNCTION public.remove_prompts(p_session bigint, p_job uuid)
 RETURNS TABLE(removed integer, lanes integer[])
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
AS $function$
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
$function$;

CREATE OR REPLACE FUNCTION public.request_stop(p_session bigint, p_mode text, p_reason text, p_by text, p_keep_ms bigint)
 RETURNS TABLE(outcome text, job_id uuid, has_ended boolean, lanes integer[])
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
AS $function$
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

CREATE OR REPLACE FUNCTION public.run_of_session(p_session bigint)
 RETURNS uuid
 LANGUAGE sql
 STABLE
AS $function$
    select coalesce(s.running_job, (
        select j.id from jobs j
        where j.session_num = s.num and j.state = 'queued' and j.attempts > 0
        order by j.order_at, j.pos limit 1
    ))
    from sessions s where s.num = p_session
$function$;

CREATE OR REPLACE FUNCTION public.run_stop_reason(p_state text, p_outcome jsonb)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE
AS $function$
    select case p_state
        when 'complete' then case when p_outcome ->> 'subtype' = 'max_turns' then 'max_steps' else 'end_turn' end
        when 'canceled' then 'cancelled'
        when 'failed' then case
            when p_outcome ->> 'subtype' = 'budget_exceeded' then 'insufficient_credits'
            when p_outcome ->> 'fault' = 'provider' then 'llm_api_error'
            else 'error' end
    end
$function$;

CREATE OR REPLACE FUNCTION public.settle_batches(p_limit integer)
 RETURNS TABLE(id uuid, tenant_id text, status text)
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
AS $function$
#variable_conflict use_column
declare
    v_num bigint;
    v_count record;
    v_batch batches;
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
            completed_at = coalesce(b.completed_at, date_trunc('milliseconds', clock_timestamp())),
            updated_at = clock_timestamp(), settled_at = clock_timestamp(),
            first_output_at = coalesce(b.first_output_at, batch_first_output(b.num)),
            delivery_id = case when b.callback is not null then new_ulid() end
        where b.num = v_num
        returning b.* into v_batch;
        delete from batch_counts c where c.batch_num = v_num;
        if v_batch.callback is not null then
            insert into webhook_deliveries (id, tenant_id, event, event_at, config, payload, target)
            values (
                v_batch.delivery_id, v_batch.tenant_id, 'batch.' || v_batch.status, v_batch.completed_at, v_batch.callback,
                jsonb_build_object(
                    'job_id', 'job-' || v_batch.id, 'status', v_batch.status,
                    'completed_at', to_char(v_batch.completed_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
                    'metadata', jsonb_build_object('job_type', 'batch_messages', 'counts', jsonb_build_object(
                        'total', v_batch.total, 'succeeded', v_batch.succeeded, 'failed', v_batch.failed, 'cancelled', v_batch.cancelled
                    ))
                ),
                v_batch.callback ->> 'target'
            );
        end if;
        id := v_batch.id; tenant_id := v_batch.tenant_id; status := v_batch.status;
        return next;
    end loop;
end
$function$;

CREATE OR REPLACE FUNCTION public.spoken_content(p_role text, p_content jsonb)
 RETURNS jsonb
 LANGUAGE sql
 IMMUTABLE
AS $function$
    select case when p_role <> 'system' then p_content else (
        select jsonb_agg(case when b ->> 'type' = 'text'
            then jsonb_set(b, '{text}', to_jsonb('<system_message>' || (b ->> 'text') || '</system_message>')) else b end order by o)
        from jsonb_array_elements(p_content) with ordinality e (b, o)
    ) end
$function$;

CREATE OR REPLACE FUNCTION public.store_model_answers(p_batch uuid, p_claim bigint, p_ids uuid[], p_statuses integer[], p_answers text[])
 RETURNS boolean
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
AS $function$
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
$function$;

CREATE OR REPLACE FUNCTION public.take_back_deliveries()
 RETURNS bigint
 LANGUAGE sql
 SET enable_seqscan TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
AS $function$
    with taken as (
        update webhook_deliveries d set lease_id = null, node_id = null
        where d.lease_id is not null
            and not exists (
                select 1 from nodes n where n.id = d.node_id and n.died_at is null and n.expires_at > clock_timestamp()
            )
        returning d.id
    )
    select count(*) from taken
$function$;

CREATE OR REPLACE FUNCTION public.take_inputs(p_session bigint, p_job uuid, p_lease bigint, p_ordinal integer)
 RETURNS TABLE(text text)
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
AS $function$
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
$function$;

CREATE OR REPLACE FUNCTION public.tell_job_end()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
declare
    v_event text := 'job.' || new.state;
begin
    if new.webhook is not null then
        insert into webhook_deliveries (tenant_id, job_id, event, event_at, target)
        values (new.tenant_id, new.id, v_event, new.updated_at, coalesce(new.webhook ->> 'target', new.tenant_id));
    end if;
    insert into webhook_deliveries (tenant_id, job_id, endpoint_id, event, event_at, target)
    select new.tenant_id, new.id, e.id, v_event, new.updated_at, e.config ->> 'target'
    from webhook_endpoints e
    where e.tenant_id = new.tenant_id and e.deleted_at is null and e.disabled_at is null
        and (e.events = '{}' or v_event = any (e.events))
        and (e.session_id is null or e.session_id = (select s.id from sessions s where s.num = new.session_num));
    return null;
end
$function$;

CREATE OR REPLACE FUNCTION public.waiting_prompts(p_session bigint)
 RETURNS TABLE(id uuid, question text, user_id text, created_at timestamp with time zone, expires_at timestamp with time zone, place bigint)
 LANGUAGE sql
 STABLE
AS $function$
    select j.id, j.question, j.user_id, j.created_at, j.expires_at, row_number() over (order by j.order_at, j.pos)
    from jobs j
    where j.session_num = p_session and j.state = 'queued' and j.kind = 'prompt' and j.attempts = 0
        -- Said so that the index of all that expires is no way to find this: while it is empty, it would look cheapest.
        and coalesce(j.expires_at, '-infinity') > clock_timestamp()
$function$;

CREATE OR REPLACE FUNCTION public.wake_job(p_job uuid)
 RETURNS integer[]
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
AS $function$
declare
    v_session bigint;
begin
    select j.session_num into v_session from jobs j where j.id = p_job;
    perform 1 from sessions s where s.num = v_session for no key update;
    update jobs j set run_at = clock_timestamp(), updated_at = clock_timestamp()
    where j.id = p_job and j.state = 'queued' and j.attempts > 0 and j.run_at > clock_timestamp();
    if not found then
        return '{}';
    end if;
    return refresh_heads(array[v_session]);
end
$function$;

CREATE OR REPLACE FUNCTION public.withdraw_approvals(p_jobs uuid[])
 RETURNS void
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
AS $function$
begin
    update approvals a set state = 'canceled', decided_at = clock_timestamp() where a.job_id = any (p_jobs) and a.state = 'pending';
end
$function$;

CREATE OR REPLACE FUNCTION public.write_journal(p_entries jsonb)
 RETURNS TABLE(ord integer, outcome text, canceled boolean, last_seq bigint, ready_lanes integer[], waiting uuid[])
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
$function$;

CREATE OR REPLACE FUNCTION public.write_notes(p_entries journal_entry[], p_seqs bigint[])
 RETURNS void
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
AS $function$
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
$function$;

-- Defaults that functions give

alter table webhook_attempts alter column id set default new_ulid();
alter table webhook_deliveries alter column id set default new_ulid();

-- Triggers

CREATE TRIGGER jobs_count_batch_item AFTER UPDATE ON public.jobs FOR EACH ROW WHEN (((new.batch_num IS NOT NULL) AND (old.state = ANY (ARRAY['queued'::text, 'running'::text])) AND (new.state = ANY (ARRAY['complete'::text, 'failed'::text, 'canceled'::text])))) EXECUTE FUNCTION count_batch_item();
CREATE TRIGGER jobs_open_batch_item AFTER UPDATE ON public.jobs FOR EACH ROW WHEN (((new.batch_num IS NOT NULL) AND (new.state = 'running'::text) AND (old.state = 'queued'::text) AND (new.attempts = 1))) EXECUTE FUNCTION open_batch_item();
CREATE TRIGGER jobs_tell_end AFTER UPDATE ON public.jobs FOR EACH ROW WHEN (((new.lease_id IS NULL) AND (new.state = ANY (ARRAY['complete'::text, 'failed'::text, 'canceled'::text])) AND ((old.lease_id IS NOT NULL) OR (old.state <> new.state)))) EXECUTE FUNCTION tell_job_end();
