-- Who is connected to the event bus, for all nodes: one row a node and bus. Unlogged, because it is worth nothing after a
-- crash, and a node writes its rows anew when it finds them gone.
create unlogged table presence (
    -- The tenant, or one user of it (jobs API, section 10.3).
    bus text collate "C" not null,
    -- One process; new at each start.
    holder uuid not null,
    -- [{"user": text or null, "connections": number, "sessions": [text]}]
    members jsonb not null,
    -- A node that does not renew its rows is gone, and so are its connections.
    expires_at timestamptz not null,
    primary key (bus, holder)
);

create index presence_by_holder on presence (holder);
