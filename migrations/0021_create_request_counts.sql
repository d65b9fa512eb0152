-- Requests that were counted against a rate limit, one row a route and subject, shared by all nodes. Unlogged: a count is
-- worth a minute at most, so after a crash it may begin anew, and counting waits for no disk.

create unlogged table request_counts (
    -- First half of the SHA-256 of the route and the subject.
    key bytea primary key check (octet_length(key) = 16),
    requests integer not null,
    -- End of the window that began with the first of them.
    ends_at timestamptz not null
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0);

create index request_counts_by_end on request_counts (ends_at);
