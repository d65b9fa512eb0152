-- A worker that was not deleted. $1 text tenant, $2 text id. Index: workers primary key.
select id, tenant_id, mail_token, title, summary, created_at, updated_at
from workers where tenant_id = $1::text and id = $2::text and deleted_at is null
