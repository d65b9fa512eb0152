-- Names a session by a key, or renews the name. $1 text tenant, $2 text user ('' = none), $3 text key, $4 text session or
-- null (keep the stored one, else $5), $5 text fresh session id, $6 bigint ms to keep. Index: session_keys primary key.
insert into session_keys as k (tenant_id, user_id, key, session_id, expires_at)
values ($1::text, $2::text, $3::text, coalesce($4::text, $5::text), clock_timestamp() + $6::bigint * interval '1 ms')
on conflict (tenant_id, user_id, key) do update set
    session_id = coalesce($4::text, case when k.expires_at > clock_timestamp() then k.session_id else $5::text end),
    expires_at = excluded.expires_at
returning k.session_id
