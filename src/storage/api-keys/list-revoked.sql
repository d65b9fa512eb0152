-- Those of some keys that were revoked. $1 uuid[]. Index: api_keys primary key.
select id from api_keys where id = any ($1::uuid[]) and revoked_at is not null
