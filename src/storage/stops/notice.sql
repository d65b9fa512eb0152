-- What a run is told between two steps; sees to it that its stop is marked as seen. $1 bigint session, $2 uuid job.
-- Index: session_stops primary key, jobs_steering.
with seen as (
    update session_stops t set acknowledged_at = coalesce(t.acknowledged_at, clock_timestamp())
    where t.session_num = $1::bigint and t.job_id = $2::uuid
    returning 1
)
select
    exists (select 1 from seen) as is_stopping,
    exists (
        select 1 from jobs j
        where j.session_num = $1::bigint and j.state = 'queued' and j.kind = 'steer' and j.attempts = 0
    ) as has_input
