-- Sessions of a tenant, newest first.
-- squawk-ignore require-concurrent-index-creation
create index sessions_by_tenant on sessions (tenant_id, num);
