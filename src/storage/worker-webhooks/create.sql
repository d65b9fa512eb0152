-- Makes the webhook of a worker; nothing where it has one. $1 text tenant, $2 text worker, $3 jsonb config.
-- Index: webhook_endpoints_of_worker.
insert into webhook_endpoints (tenant_id, name, config, events, session_id, worker_id)
values ($1::text, 'worker', $3::jsonb, '{job.complete,job.failed,job.canceled}', $2::text, $2::text)
on conflict (tenant_id, worker_id) where worker_id is not null and deleted_at is null do nothing
