-- Schedules make jobs at times; docs/decisions/0009 explains how each due time gets exactly one.

create table schedules (
    id uuid primary key,
    -- Newest first is by it.
    num bigint generated always as identity,
    tenant_id text collate "C" not null references tenants (id),
    -- Owner, as whom its jobs are made; null for a principal without a user.
    user_id text collate "C",
    is_anonymous boolean not null,
    -- The API key that made it: its jobs count there.
    api_key_id text collate "C",
    -- Of its jobs; the name of a family of sessions when each job gets its own.
    session_id text collate "C" not null,
    session_mode text not null default 'same' check (session_mode in ('same', 'new')),
    name text not null,
    question text not null,
    -- Null = the default agent at the time of the fire.
    agent text collate "C",
    kind text not null check (kind in ('one_off', 'delay', 'cron', 'interval')),
    -- one_off, delay: its time. interval: its first fire. cron: kept for the client, without effect.
    run_at timestamptz,
    cron text,
    timezone text not null,
    period_seconds integer check (period_seconds between 1 and 31536000),
    enabled boolean not null,
    webhook jsonb,
    metadata jsonb,
    budget text check (budget in ('low', 'standard', 'high', 'unlimited')),
    overlap text not null check (overlap in ('skip', 'queue_one', 'queue_all', 'cancel_running', 'allow')),
    catch_up text not null check (catch_up in ('one', 'all', 'none')),
    catch_up_window_seconds integer check (catch_up_window_seconds > 0),
    jitter_seconds integer not null default 0 check (jitter_seconds between 0 and 3600),
    pause_after_failures integer check (pause_after_failures > 0),
    ends_at timestamptz,
    max_runs integer check (max_runs > 0),
    -- Due times that were used, for max_runs.
    run_count integer not null default 0,
    -- Grows when a schedule of one time is armed again: the same due time then fires once more.
    generation integer not null default 0,
    -- Next due time by its rule, and the moment of the fire (later by the jitter); null when none is to come.
    next_due_at timestamptz,
    next_fire_at timestamptz,
    -- The last due time that was used, fired or skipped: the next is at least 60 s later.
    last_due_at timestamptz,
    last_run_at timestamptz,
    last_run_id uuid,
    last_job_id uuid,
    last_error text,
    -- Failures before it do not count towards the pause.
    resumed_at timestamptz not null default clock_timestamp(),
    -- First eight bytes of the SHA-256 of the request that made it: finds the first request of an SDK's retry.
    request_hash bigint,
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp(),
    check ((next_due_at is null) = (next_fire_at is null)),
    check (enabled or next_fire_at is null),
    check (kind not in ('one_off', 'delay') or run_at is not null),
    check (kind <> 'cron' or cron is not null),
    check (kind <> 'interval' or (run_at is not null and period_seconds is not null)),
    check (kind <> 'delay' or period_seconds is not null)
);
create index schedules_due on schedules (next_fire_at) where next_fire_at is not null;
create index schedules_by_tenant on schedules (tenant_id, num);
create index schedules_by_request on schedules (tenant_id, request_hash, created_at) where request_hash is not null;

-- One row a due time that came up, whatever became of it.
create table schedule_runs (
    -- Made from schedule, generation and due time. It is also the id of the job: a due time cannot make two.
    id uuid primary key,
    schedule_id uuid not null references schedules (id) on delete cascade,
    due_at timestamptz not null,
    -- Null for runs that a client asked for; those never count as the due time of the rule.
    generation integer,
    trigger text not null check (trigger in ('due', 'catch_up', 'backfill', 'manual')),
    outcome text not null check (outcome in ('pending', 'fired', 'skipped', 'failed')),
    -- Why it was skipped, or what the last try failed with.
    reason text,
    -- The job that is canceled before this one is made.
    replaces uuid,
    tries integer not null default 0,
    -- While pending: when any node may take it over, or try again.
    retry_at timestamptz,
    claimed_at timestamptz not null default clock_timestamp(),
    fired_at timestamptz,
    unique (schedule_id, due_at, generation),
    check ((outcome = 'pending') = (retry_at is not null)),
    check ((outcome = 'fired') = (fired_at is not null))
);
create index schedule_runs_pending on schedule_runs (retry_at) where outcome = 'pending';
create index schedule_runs_by_age on schedule_runs (claimed_at);
