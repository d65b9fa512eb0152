-- Deletes a worker; no row when it was. $1 text tenant, $2 text id. Index: workers primary key.
update workers set deleted_at = clock_timestamp()
where tenant_id = $1::text and id = $2::text and deleted_at is null
returning id
