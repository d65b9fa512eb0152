-- Jobs that were admitted but never accepted. $1 bigint: least age in ms, $2 integer limit. Index: job_budgets_open.
select b.job_id from job_budgets b
where b.closed_at is null and b.created_at < clock_timestamp() - $1::bigint * interval '1 ms'
    and not exists (select 1 from jobs j where j.id = b.job_id)
order by b.created_at
limit $2::integer
