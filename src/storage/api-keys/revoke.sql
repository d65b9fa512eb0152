-- Revokes a key for good. $1 text tenant, $2 uuid. Index: primary key.
update api_keys set revoked_at = coalesce(revoked_at, clock_timestamp())
where tenant_id = $1::text and id = $2::uuid
returning id, tenant_id, user_id, name, hint, scopes, created_at, expires_at, last_used_at, revoked_at
