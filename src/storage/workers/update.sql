-- Changes a worker. $1 text tenant, $2 text id, $3 text title or null (as it is), $4 text summary or null (as it is).
-- Index: workers primary key.
update workers set title = coalesce($3::text, title), summary = coalesce($4::text, summary), updated_at = clock_timestamp()
where tenant_id = $1::text and id = $2::text and deleted_at is null
returning id, tenant_id, mail_token, title, summary, created_at, updated_at
