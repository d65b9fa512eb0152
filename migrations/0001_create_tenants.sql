-- Who owns things: tenants, their users, and the API keys that prove them.

create table tenants (
    id text collate "C" primary key check (id <> ''),
    -- Jobs of this tenant that may run at once over all nodes; null = the operator's default.
    max_running integer check (max_running >= 0),
    created_at timestamptz not null default clock_timestamp()
);

create table users (
    tenant_id text collate "C" not null references tenants (id),
    id text collate "C" not null check (id <> ''),
    created_at timestamptz not null default clock_timestamp(),
    primary key (tenant_id, id)
);

create table api_keys (
    id uuid primary key default gen_random_uuid(),
    tenant_id text collate "C" not null,
    user_id text collate "C" not null,
    name text not null,
    -- SHA-256 of the key. The key itself is shown once, at creation, and stored nowhere.
    hash bytea not null unique check (octet_length(hash) = 32),
    -- The first characters of the key, so that people can tell keys apart.
    hint text not null,
    scopes text[] not null,
    created_at timestamptz not null default clock_timestamp(),
    expires_at timestamptz,
    last_used_at timestamptz,
    revoked_at timestamptz,
    foreign key (tenant_id, user_id) references users (tenant_id, id)
);

create index api_keys_by_tenant on api_keys (tenant_id, created_at);
