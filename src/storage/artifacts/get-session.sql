-- The newest artifact of a path that a job of a session made. $1 bigint session, $2 text path. Index: jobs_by_session,
-- artifacts primary key.
select a.path, a.sha256, a.size_bytes, a.content_type, a.modified_at, a.created_at
from jobs j join artifacts a on a.job_id = j.id
where j.session_num = $1::bigint and a.path = $2::text
order by j.num desc limit 1
