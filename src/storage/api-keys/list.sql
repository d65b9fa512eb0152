-- Keys of a tenant, newest first. $1 text tenant. Index: api_keys_by_tenant backwards.
select id, tenant_id, user_id, name, hint, scopes, created_at, expires_at, last_used_at, revoked_at from api_keys where tenant_id = $1::text order by created_at desc, id
