-- Accounts for a request whose job has ended (migration 0039). $1 uuid, $2 boolean was it paid, $3 jsonb usage or null,
-- $4 bigint micro-dollars or null. Index: primary keys.
select charge_model_request($1::uuid, $2::boolean, $3::jsonb, $4::bigint) as charged
