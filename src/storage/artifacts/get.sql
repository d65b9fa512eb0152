-- One artifact. $1 uuid job, $2 text path. Index: artifacts primary key.
select path, sha256, size_bytes, content_type, modified_at, created_at from artifacts where job_id = $1::uuid and path = $2::text
