-- True when all sessions of a batch are among these. $1 bigint batch, $2 text[] session ids. Index: jobs_by_batch.
select not exists (
    select 1 from jobs j join sessions s on s.num = j.session_num
    where j.batch_num = $1::bigint and s.id <> all ($2::text[])
) as within
