-- Changes fields of a profile. $1 bigint session, $2 jsonb fields, $3 text user or null. Index: primary keys.
select change_profile($1::bigint, $2::jsonb, $3::text) as changed
