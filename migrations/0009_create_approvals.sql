-- What jobs ask people, and summaries of long conversations.

create table approvals (
    -- Made from the job and the step, so a job that is run again asks the same question once.
    id uuid primary key,
    tenant_id text collate "C" not null,
    session_num bigint not null,
    session_id text collate "C" not null,
    user_id text collate "C",
    job_id uuid not null references jobs (id),
    ordinal integer not null,
    kind text not null check (kind in ('tool', 'question')),
    tool text not null,
    input jsonb not null,
    state text not null default 'pending' check (state in ('pending', 'allowed', 'denied', 'expired', 'canceled')),
    on_expiry text not null check (on_expiry in ('allow', 'deny')),
    message text,
    decided_by text,
    created_at timestamptz not null default clock_timestamp(),
    expires_at timestamptz not null,
    decided_at timestamptz,
    check ((state = 'pending') = (decided_at is null))
);
create index approvals_by_tenant on approvals (tenant_id, created_at, id);
create index approvals_by_session on approvals (tenant_id, session_id, created_at, id);
create index approvals_by_job on approvals (job_id);
-- What waits for somebody is looked for often, and is a small part of all that was ever asked.
create index approvals_pending on approvals (tenant_id, created_at, id) where state = 'pending';

-- From here on a summary stands for everything that was said in the session up to its seq.
create table summaries (
    session_num bigint not null,
    seq bigint not null,
    job_id uuid not null,
    text text not null,
    created_at timestamptz not null default clock_timestamp(),
    primary key (session_num, seq)
);

-- Takes back what jobs asked: they have ended, so nobody waits for an answer. Their sessions are locked.
create function withdraw_approvals(p_jobs uuid[]) returns void
language plpgsql
set enable_seqscan = off
as $$
begin
    update approvals a set state = 'canceled', decided_at = clock_timestamp() where a.job_id = any (p_jobs) and a.state = 'pending';
end
$$;

-- Wakes a parked job: it becomes due at once. Harmless for any other one. Returns the lanes that got claimable work.
create function wake_job(p_job uuid) returns integer[]
language plpgsql
set enable_seqscan = off
as $$
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
$$;

-- Gives a held job back until it is woken, or the time is over; that start does not count. It never waits longer than its
-- first open request does. What it waits for may have happened since it looked: then it is due at once.
create function park_job(p_job uuid, p_lease bigint, p_wake_ms bigint, p_reason text)
returns table (released integer, sessions bigint[], lanes integer[])
language plpgsql
set enable_seqscan = off
as $$
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
        or (
            not exists (
                select 1 from approvals a where a.job_id = p_job and a.state = 'pending' and a.expires_at > clock_timestamp()
            )
            and not exists (
                select 1 from job_budgets b join jobs j on j.id = b.job_id
                where b.parent_job = p_job and j.state in ('queued', 'running')
            )
        )
    )
    then
        lanes := lanes || wake_job(p_job);
    end if;
    return next;
end
$$;
