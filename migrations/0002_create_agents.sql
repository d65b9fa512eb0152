-- Agents that are configured in the database. Built-in agents live in core/agent.ts and have no row.
-- A version is immutable: a change makes a new one, and a job records the version it ran with.

create table agents (
    tenant_id text collate "C" not null references tenants (id),
    name text collate "C" not null check (name ~ '^[a-z0-9][a-z0-9_-]{0,63}$'),
    newest_version integer not null default 0 check (newest_version >= 0),
    created_at timestamptz not null default clock_timestamp(),
    retired_at timestamptz,
    primary key (tenant_id, name)
);

create table agent_versions (
    tenant_id text collate "C" not null,
    agent text collate "C" not null,
    version integer not null check (version >= 1),
    runtime text not null,
    -- Instructions, tools, sandbox profile, limits, output schema: parsed by core/agent.ts.
    settings jsonb not null default '{}',
    created_at timestamptz not null default clock_timestamp(),
    primary key (tenant_id, agent, version),
    foreign key (tenant_id, agent) references agents (tenant_id, name)
);

-- A lane is the queue of one agent of one tenant: the unit of the claim's window and of an agent's cap.
create table lanes (
    id integer generated always as identity primary key,
    tenant_id text collate "C" not null references tenants (id),
    agent text collate "C" not null,
    -- Jobs of this agent that may run at once for this tenant; null = the tenant's cap alone.
    max_running integer check (max_running >= 0),
    unique (tenant_id, agent)
);
