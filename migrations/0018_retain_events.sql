-- Events may be forgotten after a time. They come in the order of time, so a summary of each block finds the old ones.
-- squawk-ignore require-concurrent-index-creation
create index events_by_time on events using brin (at) with (pages_per_range = 32, autosummarize = on);

-- Forgets what sessions wrote before a time, from the beginning of each log on, so that no log has a hole; those with work
-- that runs or waits are left whole. Returns how many sessions had some.
create function prune_events(p_older_ms bigint, p_sessions integer) returns integer
language plpgsql
-- How many are old, the planner cannot know; it would read the whole table.
set enable_seqscan = off
as $$
declare
    v_before timestamptz := clock_timestamp() - p_older_ms * interval '1 ms';
    v_sessions integer;
begin
    with old as materialized (
        select e.session_num, max(e.seq) as seq from events e where e.at < v_before group by e.session_num
    ),
    due as materialized (
        select o.session_num, o.seq from old o join sessions s on s.num = o.session_num
        where s.running_job is null and s.queued_jobs = 0
        limit p_sessions
    ),
    gone as (
        delete from events e using due d where e.session_num = d.session_num and e.seq <= d.seq
        returning e.session_num
    )
    select count(distinct g.session_num) into v_sessions from gone g;
    return v_sessions;
end
$$;
