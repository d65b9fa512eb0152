-- Writes answers of a claimed batch down (migration 0039). $1 uuid batch, $2 bigint claim, $3 uuid[] requests, $4 integer[]
-- statuses (null = expired), $5 text[] answers. Index: primary keys.
select store_model_answers($1::uuid, $2::bigint, $3::uuid[], $4::integer[], $5::text[]) as stored
