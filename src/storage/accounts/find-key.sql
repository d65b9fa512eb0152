-- Whether a tenant has an API key. $1 text tenant, $2 uuid. Index: api_keys primary key.
select id from api_keys where tenant_id = $1::text and id = $2::uuid
