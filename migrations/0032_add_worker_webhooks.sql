-- The webhook of a worker is an endpoint of its session that the worker's owner, not an admin, set up.
alter table webhook_endpoints add column worker_id text collate "C";

-- squawk-ignore require-concurrent-index-creation
create unique index webhook_endpoints_of_worker on webhook_endpoints (tenant_id, worker_id) where worker_id is not null and deleted_at is null;

-- For the log, which outlives the webhook.
-- squawk-ignore require-concurrent-index-creation
create index webhook_endpoints_by_worker on webhook_endpoints (tenant_id, worker_id) where worker_id is not null;
