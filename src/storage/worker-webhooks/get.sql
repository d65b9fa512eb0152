-- The webhook of a worker. $1 text tenant, $2 text worker. Index: webhook_endpoints_of_worker.
select e.id, e.config from webhook_endpoints e
where e.tenant_id = $1::text and e.worker_id = $2::text and e.deleted_at is null
