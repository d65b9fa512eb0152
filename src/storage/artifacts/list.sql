-- The manifest of a job, by path. $1 uuid. Index: artifacts primary key.
select path, sha256, size_bytes, content_type, modified_at, created_at from artifacts where job_id = $1::uuid order by path
