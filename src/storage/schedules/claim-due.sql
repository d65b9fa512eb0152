-- Locks schedules whose time has come, the longest waiting first, with what became of the run before and whether its last
-- jobs all failed. $1 timestamptz: the time that is taken for now, null = the clock's; $2 text tenant or null (any),
-- $3 integer limit. Index: schedules_due, schedule_runs (schedule_id, due_at, generation), primary keys.
select s.id, s.num, s.tenant_id, s.user_id, s.is_anonymous, s.api_key_id, s.session_id, s.session_mode, s.name, s.question, s.agent,
    s.kind, s.run_at, s.cron, s.timezone, s.period_seconds, s.enabled, s.webhook, s.metadata, s.budget, s.overlap, s.catch_up,
    s.catch_up_window_seconds, s.jitter_seconds, s.pause_after_failures, s.ends_at, s.max_runs, s.run_count, s.generation,
    s.next_due_at, s.next_fire_at, s.last_due_at, s.last_run_at, s.last_job_id, s.last_error, s.created_at, s.updated_at,
    coalesce($1::timestamptz, statement_timestamp()) as now, p.id as previous_id,
    case when p.outcome = 'pending' then 'pending' when p.outcome = 'fired' then coalesce((
        select case when j.state in ('queued', 'running') then j.state else 'ended' end from jobs j where j.id = p.id
    ), 'ended') end as previous_state,
    s.pause_after_failures is not null and (
        select count(*) filter (where f.has_failed) from (
            select r.outcome = 'failed' or j.state = 'failed' as has_failed
            from schedule_runs r left join jobs j on j.id = r.id
            where r.schedule_id = s.id and r.claimed_at >= s.resumed_at
                and (r.outcome = 'failed' or (r.outcome = 'fired' and j.state in ('failed', 'complete')))
            order by r.due_at desc limit s.pause_after_failures
        ) f
    ) = s.pause_after_failures as has_failed_often
from schedules s left join schedule_runs p on p.id = s.last_run_id
where s.next_fire_at <= coalesce($1::timestamptz, statement_timestamp())
    and ($2::text is null or s.tenant_id = $2::text)
order by s.next_fire_at
limit $3::integer
for no key update of s skip locked
