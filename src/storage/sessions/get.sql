-- Identity of a session. $1 text tenant, $2 text id. Index: sessions (tenant_id, id).
select num, tenant_id, id, user_id, created_at from sessions where tenant_id = $1::text and id = $2::text
