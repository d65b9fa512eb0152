-- The events of a worker live as long as the worker: what it is asked for is read from them.

create or replace function prune_events(p_older_ms bigint, p_sessions integer) returns integer
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
            and not exists (
                select 1 from workers w where w.tenant_id = s.tenant_id and w.id = s.id and w.deleted_at is null
            )
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
