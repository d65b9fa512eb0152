-- Makes a session with a profile. $1 jsonb row of session_profiles. Index: none.
select create_profile($1::jsonb) as session_num
