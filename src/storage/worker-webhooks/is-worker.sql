-- Whether an endpoint is the webhook of a worker. $1 uuid endpoint. Index: webhook_endpoints primary key.
select e.worker_id from webhook_endpoints e where e.id = $1::uuid and e.worker_id is not null
