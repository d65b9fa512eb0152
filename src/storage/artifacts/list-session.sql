-- The newest artifact of each path of a session. $1 bigint session, $2 integer limit. Index: jobs_by_session, artifacts
-- primary key.
select distinct on (a.path) a.path, a.sha256, a.size_bytes, a.content_type, a.modified_at, a.created_at
from jobs j join artifacts a on a.job_id = j.id
where j.session_num = $1::bigint
order by a.path, j.num desc
limit $2::integer
