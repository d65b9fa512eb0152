-- The session that a key names. $1 text tenant, $2 text user ('' = none), $3 text key. Index: session_keys primary key.
select session_id from session_keys
where tenant_id = $1::text and user_id = $2::text and key = $3::text and expires_at > clock_timestamp()
