-- A worker is a session that the workers API made; here is what it has beyond one. Its turns are jobs of the session.

create table workers (
    tenant_id text collate "C" not null references tenants (id),
    -- That of its session, which follows in a transaction of its own: without it there is no worker yet.
    id text collate "C" not null,
    -- Makes its mail address one that cannot be guessed.
    mail_token text collate "C" not null check (mail_token ~ '^[a-z0-9]{8}$'),
    -- Null = the beginning of its first input.
    title text check (char_length(title) >= 1 and char_length(title) <= 200),
    summary text not null default '' check (char_length(summary) <= 80),
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp(),
    deleted_at timestamptz,
    primary key (tenant_id, id)
);

-- What its turns run with, one row a change: a turn keeps what held at its first start.
create table worker_settings (
    tenant_id text collate "C" not null,
    worker_id text collate "C" not null,
    num integer not null check (num >= 1),
    instructions text not null default '' check (char_length(instructions) <= 20000),
    output_schema jsonb,
    created_at timestamptz not null default clock_timestamp(),
    primary key (tenant_id, worker_id, num),
    foreign key (tenant_id, worker_id) references workers (tenant_id, id)
);
