-- The keys that name a session: its state shows the newest one. Keys are few, and migrations run in a transaction.
-- squawk-ignore require-concurrent-index-creation
create index session_keys_by_session on session_keys (tenant_id, session_id);
