-- Who may give workers instructions by mail, and the way from an address to its worker.

-- Null = the addresses of the worker's owner.
alter table workers add column mail_senders text[];

-- squawk-ignore require-concurrent-index-creation
create unique index workers_by_mailbox on workers (right(id, 26), mail_token);

-- The mail addresses of the users of a tenant: senders of the workers that name none of their own.
create table user_mail_addresses (
    tenant_id text collate "C" not null references tenants (id),
    -- Empty = of the workers that belong to no user.
    user_id text collate "C" not null,
    -- In lower case; `*@` stands for all of a domain.
    addresses text[] not null check (cardinality(addresses) >= 1 and cardinality(addresses) <= 100),
    updated_at timestamptz not null default clock_timestamp(),
    primary key (tenant_id, user_id)
);
