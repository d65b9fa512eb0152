-- The vault: named secrets of tenants. Values are sealed by the keys of the installation (core/sealed-text.ts), for their tenant.

create table secrets (
    tenant_id text collate "C" not null references tenants (id),
    name text collate "C" not null check (char_length(name) between 1 and 128),
    sealed text not null,
    -- The value before the newest one, which counts beside it until the time: both sign webhooks while a secret rotates.
    previous_sealed text,
    previous_until timestamptz,
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp(),
    -- To the minute: a busy secret is not written at each use.
    last_used_at timestamptz,
    primary key (tenant_id, name),
    check ((previous_sealed is null) = (previous_until is null))
);
