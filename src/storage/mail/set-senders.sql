-- Says who may write to a worker. $1 text tenant, $2 text worker, $3 text[] senders, null = the addresses of its owner.
-- Index: workers primary key.
update workers set mail_senders = $3::text[] where tenant_id = $1::text and id = $2::text and deleted_at is null
