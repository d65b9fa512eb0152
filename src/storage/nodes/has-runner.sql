-- Whether any living node runs jobs. Index: none, the table has a row a process.
select exists (
    select 1 from nodes n where n.role <> 'api' and n.died_at is null and n.expires_at > clock_timestamp()
) as has_runner
