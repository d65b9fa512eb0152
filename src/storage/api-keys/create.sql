-- Stores a key. $1 text tenant, $2 text user, $3 text name, $4 bytea hash, $5 text hint, $6 text[] scopes,
-- $7 timestamptz expiry or null. A hash that is there already is left as it is (the bootstrap key at each start).
-- Index: api_keys (hash).
insert into api_keys (tenant_id, user_id, name, hash, hint, scopes, expires_at)
values ($1::text, $2::text, $3::text, $4::bytea, $5::text, $6::text[], $7::timestamptz)
on conflict (hash) do update set name = api_keys.name
returning id, tenant_id, user_id, name, hint, scopes, created_at, expires_at, last_used_at, revoked_at
