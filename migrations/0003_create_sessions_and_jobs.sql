-- Nodes, sessions, jobs and what they write. docs/states.md explains the columns; docs/decisions/0001 the shape.

-- One kazi process. The row is its lease: a node that has not renewed it in time is dead, and its jobs go back.
create table nodes (
    id bigint generated always as identity primary key,
    role text not null check (role in ('api', 'runner', 'all')),
    -- Host, process id and start, for people and for `kazi doctor`.
    address text not null,
    started_at timestamptz not null default clock_timestamp(),
    expires_at timestamptz not null,
    died_at timestamptz,
    -- A lock file in the data folder that the kernel holds for the process: nodes beside it know its death before its lease ends.
    life_sign text
);

-- The mutex, the event counter and the queue head of one session. Kept narrow: it is written three times a job.
create table sessions (
    num bigint generated always as identity primary key,
    tenant_id text collate "C" not null references tenants (id),
    -- The whole rule is core/session-id.ts; as a regular expression it took a tenth of the database's time, at each update.
    id text collate "C" not null check (char_length(id) between 1 and 128),
    user_id text collate "C",
    created_at timestamptz not null default clock_timestamp(),
    -- Number of events, so also the newest seq; number of jobs, so also the newest position.
    event_seq bigint not null default 0,
    job_seq bigint not null default 0,
    -- Creation time of the newest job: positions and times of a session never disagree.
    last_at timestamptz not null default '-infinity',
    -- Jobs of the session that wait; 0 spares the end of a job the search for the next head.
    queued_jobs integer not null default 0 check (queued_jobs >= 0),
    -- The job that holds the session (running, or canceled and not yet let go), its fencing token, whether it was
    -- canceled, and the number of its newest journal write. The fence is here because this row is the mutex.
    running_job uuid,
    lease_id bigint,
    is_canceled boolean not null default false,
    write_num bigint not null default 0,
    -- The queued job with the smallest (order_at, pos) while nothing runs, with a copy of its claim keys; else null.
    head_job uuid,
    head_lane integer,
    head_priority smallint,
    head_order_at timestamptz,
    head_run_at timestamptz,
    head_num bigint,
    head_ready boolean not null default false,
    unique (tenant_id, id),
    foreign key (tenant_id, user_id) references users (tenant_id, id),
    check (head_job is null or (running_job is null and queued_jobs > 0)),
    check ((running_job is null) = (lease_id is null)),
    check (not head_ready or head_job is not null),
    check (
        (head_job is null) = (head_lane is null)
        and (head_job is null) = (head_num is null)
        and (head_job is null) = (head_run_at is null)
        and (head_job is null) = (head_order_at is null)
        and (head_job is null) = (head_priority is null)
    )
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0);

create index sessions_ready on sessions (head_lane, head_priority desc, head_run_at, head_num) where head_ready;
create index sessions_delayed on sessions (head_run_at) where head_job is not null and not head_ready;

-- A name that a client chose for a session; kept per tenant and user ('' = no user).
create table session_keys (
    tenant_id text collate "C" not null references tenants (id),
    user_id text collate "C" not null,
    key text collate "C" not null check (char_length(key) between 1 and 256),
    session_id text collate "C" not null,
    expires_at timestamptz not null,
    primary key (tenant_id, user_id, key)
);

create sequence lease_ids;
create sequence job_nums;

create table jobs (
    id uuid primary key,
    num bigint not null default nextval('job_nums'),
    tenant_id text collate "C" not null,
    session_num bigint not null references sessions (num),
    lane_id integer not null references lanes (id),
    user_id text collate "C",
    agent text collate "C" not null,
    -- Null for a built-in agent.
    agent_version integer,
    state text not null default 'queued' check (state in ('queued', 'running', 'complete', 'failed', 'canceled')),
    -- Higher runs earlier within its tenant; it never overtakes an earlier job of its own session.
    priority smallint not null default 0,
    -- Place in the session, never changed: the later of creation and schedule_at, then the position.
    order_at timestamptz not null,
    pos bigint not null,
    -- When it may be claimed. A retry moves only this, so a retried job stays ahead of its successors.
    run_at timestamptz not null,
    schedule_at timestamptz,
    attempts integer not null default 0 check (attempts >= 0),
    -- Starts that were not the job's own fault: its node was shut down. They do not count towards giving it up.
    spared_attempts integer not null default 0 check (spared_attempts >= 0),
    -- The fencing token, new at each claim. Not null while a node holds the job, also after a cancel.
    lease_id bigint,
    node_id bigint,
    -- Of job.submitted: a reader of the job's events skips what the session wrote before.
    first_seq bigint not null default 1,
    question text not null,
    metadata jsonb,
    -- First eight bytes of the SHA-256 of the request: finds the first request of an SDK's retry.
    request_hash bigint,
    sandbox_id text,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    started_at timestamptz,
    completed_at timestamptz,
    canceled_at timestamptz,
    error text,
    -- Summary, usage, cost and durations of the run, written at its end.
    outcome jsonb,
    check (state <> 'queued' or lease_id is null),
    check (state <> 'running' or (lease_id is not null and started_at is not null)),
    check ((state in ('complete', 'failed')) = (completed_at is not null)),
    check ((state = 'canceled') = (canceled_at is not null)),
    check (state not in ('complete', 'failed') or lease_id is null),
    check ((lease_id is null) = (node_id is null))
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0);

-- The guarantee of serial sessions: at most one job of a session is held by a node. A session has one tenant, which
-- stands first so that the claim counts a tenant's held jobs in the same index.
create unique index jobs_one_held on jobs (tenant_id, session_num) where lease_id is not null;
create index jobs_next on jobs (session_num, order_at, pos) where state = 'queued';
create index jobs_by_tenant on jobs (tenant_id, num);
create index jobs_by_session on jobs (session_num, num);

-- The append-only log of a session: seq from 1, without gaps, given under the session's row lock.
create table events (
    session_num bigint not null,
    seq bigint not null check (seq >= 1),
    job_id uuid,
    type text not null,
    data jsonb not null,
    at timestamptz not null default clock_timestamp(),
    primary key (session_num, seq)
);

-- What was said in a session. seq is that of the event that announced it (job.started for the user's input,
-- message.created for an answer): one order holds for both, and the text is stored once. Readers join the two.
create table messages (
    session_num bigint not null,
    seq bigint not null,
    id uuid not null default gen_random_uuid(),
    job_id uuid,
    role text not null check (role in ('user', 'assistant')),
    content jsonb not null,
    created_at timestamptz not null default clock_timestamp(),
    primary key (session_num, seq)
);

create index messages_by_job on messages (job_id, seq);

-- The journal of a job: one row a model call or tool call. A finished step is never run again.
create table steps (
    job_id uuid not null,
    ordinal integer not null check (ordinal >= 1),
    kind text not null check (kind in ('model', 'tool')),
    name text not null,
    state text not null check (state in ('started', 'finished', 'failed', 'interrupted')),
    -- The attempt of the job that wrote this row last.
    attempt integer not null,
    input jsonb,
    output jsonb,
    started_at timestamptz not null default clock_timestamp(),
    finished_at timestamptz,
    primary key (job_id, ordinal),
    check ((state = 'started') = (finished_at is null))
);

create table blobs (
    sha256 text collate "C" primary key check (sha256 ~ '^[0-9a-f]{64}$'),
    size_bytes bigint not null check (size_bytes >= 0),
    created_at timestamptz not null default clock_timestamp()
);

create table artifacts (
    job_id uuid not null references jobs (id),
    path text collate "C" not null check (path <> '' and path !~ '^/'),
    sha256 text collate "C" not null references blobs (sha256),
    size_bytes bigint not null check (size_bytes >= 0),
    content_type text,
    modified_at timestamptz not null,
    created_at timestamptz,
    primary key (job_id, path)
);

create index artifacts_by_blob on artifacts (sha256);

-- Answers kept for clients that repeat a request. The row commits with the work that it answers for.
create table idempotency_keys (
    -- SHA-256 of tenant, user, method, path and key.
    scope bytea primary key check (octet_length(scope) = 32),
    -- SHA-256 of the query string and the body bytes.
    request_hash bytea not null check (octet_length(request_hash) = 32),
    status smallint not null,
    response text not null,
    expires_at timestamptz not null
);

create index idempotency_keys_by_expiry on idempotency_keys (expires_at);
