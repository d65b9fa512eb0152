-- Webhooks: endpoints of a tenant, deliveries written in the transaction of their event, and the attempts to deliver them.

-- 128 bits that sort by time; told to receivers as msg_<ULID>.
create function new_ulid()
returns uuid
language sql volatile
as $$
    select (lpad(to_hex(floor(extract(epoch from clock_timestamp()) * 1000)::bigint), 12, '0') || left(r.hex, 12) || right(r.hex, 8))::uuid
    from (select replace(gen_random_uuid()::text, '-', '') as hex) r
$$;

-- Where a tenant is told of events, of all its sessions or of one.
create table webhook_endpoints (
    id uuid primary key default gen_random_uuid(),
    tenant_id text collate "C" not null references tenants (id),
    name text not null,
    -- A StoredWebhook (core/webhook.ts).
    config jsonb not null,
    -- The signing secret before the newest one, sealed; it signs beside it until the time.
    previous_sealed text,
    previous_until timestamptz,
    -- Types of events; empty = all.
    events text[] not null,
    -- Null = of all sessions.
    session_id text collate "C",
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp(),
    -- Failed attempts since the last that succeeded, and the time of the first of them.
    failures integer not null default 0 check (failures >= 0),
    failing_since timestamptz,
    disabled_at timestamptz,
    disabled_reason text,
    -- Its log outlives it.
    deleted_at timestamptz,
    check ((previous_sealed is null) = (previous_until is null)),
    check ((failures = 0) = (failing_since is null)),
    check ((disabled_at is null) = (disabled_reason is null))
);

create index webhook_endpoints_by_tenant on webhook_endpoints (tenant_id, created_at) where deleted_at is null;

create sequence webhook_leases;

create table webhook_deliveries (
    id uuid primary key default new_ulid(),
    tenant_id text collate "C" not null references tenants (id),
    -- Null for events that are not of a job.
    job_id uuid references jobs (id),
    -- Null for the webhook that the job itself brought.
    endpoint_id uuid references webhook_endpoints (id),
    event text not null,
    event_at timestamptz not null,
    -- The body; null for a job, which does not change any more and is read when it is sent.
    payload jsonb,
    -- A StoredWebhook for what belongs to neither an endpoint nor a job; else null.
    config jsonb,
    -- Those of one target share its limits (core/webhook.ts).
    target text collate "C" not null,
    state text not null default 'pending' check (state in ('pending', 'delivered', 'failed')),
    -- Of the next attempt.
    due_at timestamptz not null default clock_timestamp(),
    attempts integer not null default 0 check (attempts >= 0),
    -- Attempts before the newest replay, which do not count towards the most.
    replayed_after integer not null default 0,
    -- The fencing token of the attempt under way, and the node that makes it.
    lease_id bigint,
    node_id bigint,
    last_status smallint,
    last_error text,
    delivered_at timestamptz,
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp(),
    check (config is not null or endpoint_id is not null or job_id is not null),
    check (payload is not null or job_id is not null),
    check ((lease_id is null) = (node_id is null)),
    check (lease_id is null or state = 'pending'),
    check (state <> 'delivered' or delivered_at is not null)
) with (fillfactor = 80);

create index webhook_deliveries_due on webhook_deliveries (target, due_at) where state = 'pending' and lease_id is null;
create index webhook_deliveries_next on webhook_deliveries (due_at) where state = 'pending' and lease_id is null;
create index webhook_deliveries_held on webhook_deliveries (node_id) where lease_id is not null;
-- One event of a job for each that is told of it.
create unique index webhook_deliveries_by_job on webhook_deliveries (job_id, endpoint_id) nulls not distinct where job_id is not null;
create index webhook_deliveries_by_tenant on webhook_deliveries (tenant_id, id);
create index webhook_deliveries_failed on webhook_deliveries (tenant_id, id) where state = 'failed';
create index webhook_deliveries_by_endpoint on webhook_deliveries (endpoint_id, id) where endpoint_id is not null;

create table webhook_attempts (
    id uuid primary key default new_ulid(),
    delivery_id uuid not null references webhook_deliveries (id),
    number integer not null check (number >= 1),
    url text not null,
    -- Null without an answer.
    status smallint,
    -- Null on success.
    error text,
    -- The first 4 kB of the answer.
    response_body text,
    duration_ms integer not null,
    started_at timestamptz not null,
    unique (delivery_id, number)
);

-- Writes the deliveries of a job's end. A row trigger, so that no way in which a job ends can forget it.
create function tell_job_end()
returns trigger
language plpgsql
as $$
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
$$;

-- When a job has really ended: a canceled one that was running has when its node has let it go.
create trigger jobs_tell_end after update on jobs
for each row
when (
    new.lease_id is null and new.state in ('complete', 'failed', 'canceled')
    and (old.lease_id is not null or old.state <> new.state)
)
execute function tell_job_end();

-- Ends what waits for an endpoint; what is on its way ends by itself.
create function close_deliveries(p_endpoint uuid, p_error text)
returns void
language sql
set enable_seqscan = off
as $$
    update webhook_deliveries d set state = 'failed', last_error = p_error, updated_at = clock_timestamp()
    where d.endpoint_id = p_endpoint and d.state = 'pending' and d.lease_id is null
$$;

-- Takes an endpoint out of use, with all that waits for it, and tells the other endpoints of its tenant. False when it was already.
create function disable_endpoint(p_id uuid, p_reason text)
returns boolean
language plpgsql
set enable_seqscan = off
as $$
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
$$;
