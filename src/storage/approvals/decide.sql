-- Decides an open request and wakes its job. $1 uuid request, $2 text allowed or denied, $3 text message or null, $4 text by whom.
-- Index: primary keys.
select changed, session_num, lanes from decide_approval($1::uuid, $2::text, $3::text, $4::text)
