-- A key that still holds. $1 bytea: SHA-256 of the key. Index: api_keys (hash).
select id, tenant_id, user_id, scopes from api_keys
where hash = $1::bytea and revoked_at is null and (expires_at is null or expires_at > clock_timestamp())
