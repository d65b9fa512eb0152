-- Makes a session from another one. $1 bigint source, $2 bigint number, $3 text id, $4 text user or null. Index: migration 0022.
select fork_session($1::bigint, $2::bigint, $3::text, $4::text)
