-- Journal: everything a runner writes about the jobs that it holds, in batches: events, messages, steps, and the end.

create type journal_entry as (
    ord integer,
    session_num bigint,
    job_id uuid,
    -- The fencing token: an entry of a node that lost the job changes nothing.
    lease_id bigint,
    -- 1, 2, 3 … within one claim: an entry that is repeated because its answer was lost changes nothing either.
    write_num bigint,
    -- [{type, data, message?: {role, content}, step?: {ordinal, kind, name, state, input, output}}], in order.
    events jsonb,
    -- [{path, sha256, size_bytes, content_type, modified_at, created_at}] whose blobs are stored already, or null.
    artifacts jsonb,
    -- Null, or {state: complete | failed, error, outcome}: the job ends and its session is free.
    finish jsonb,
    sandbox_id text
);

-- outcome: written; repeated (was written before); lost (another node has the job, or it ended). canceled tells the
-- runner to stop: the entry of a canceled job is kept, its state is not touched.
create function write_journal(p_entries jsonb)
returns table (ord integer, outcome text, canceled boolean, last_seq bigint, ready_lane integer)
language plpgsql
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
#variable_conflict use_column
declare
    v_entries journal_entry[];
    v_sessions bigint[];
    v_fresh integer[];
begin
    select array_agg(e order by e.ord) into v_entries from jsonb_populate_recordset(null::journal_entry, p_entries) e;

    select array_agg(l.num) into v_sessions
    from (
        select s.num from sessions s
        where s.num in (select e.session_num from unnest(v_entries) e)
        order by s.num
        for no key update
    ) l;

    select coalesce(array_agg(e.ord), '{}') into v_fresh
    from unnest(v_entries) e
    -- Not "=": that implies a lease, and the planner may then read the index of all held jobs for each entry.
    join jobs j on j.id = e.job_id and j.lease_id is not distinct from e.lease_id
    join sessions s on s.num = e.session_num
    where s.write_num < e.write_num;

    return query
    with known as (
        select e.*, coalesce(j.lease_id = e.lease_id, false) as is_held, coalesce(j.state = 'canceled', false) as is_canceled,
               j.attempts, coalesce(e.finish, 'null') <> 'null' as ends
        from unnest(v_entries) e left join jobs j on j.id = e.job_id
    ),
    fresh as (
        select k.* from known k where k.ord = any (v_fresh)
    ),
    lines as (
        select f.session_num, f.job_id, f.attempts, l.line,
               case when f.is_canceled and l.line ->> 'type' in ('job.completed', 'job.failed') then 'job.stopped'
                    else l.line ->> 'type' end as type,
               s.event_seq + row_number() over (partition by f.session_num order by f.ord, l.at) as seq
        from fresh f
        join sessions s on s.num = f.session_num
        cross join lateral jsonb_array_elements(f.events) with ordinality l (line, at)
    ),
    logged as (
        insert into events (session_num, seq, job_id, type, data)
        select l.session_num, l.seq, l.job_id, l.type, coalesce(l.line -> 'data', '{}') from lines l
    ),
    said as (
        insert into messages (session_num, seq, job_id, role, content)
        select l.session_num, l.seq, l.job_id, l.line -> 'message' ->> 'role', l.line -> 'message' -> 'content'
        from lines l where l.line ? 'message'
    ),
    stepped as (
        insert into steps (job_id, ordinal, kind, name, state, attempt, input, output, finished_at)
        select l.job_id, t.ordinal, t.kind, t.name, t.state, l.attempts, t.input, t.output,
               case when t.state <> 'started' then clock_timestamp() end
        from lines l
        cross join lateral jsonb_to_record(l.line -> 'step')
            t (ordinal integer, kind text, name text, state text, input jsonb, output jsonb)
        where l.line ? 'step'
        on conflict (job_id, ordinal) do update set
            state = excluded.state, attempt = excluded.attempt, output = excluded.output, finished_at = excluded.finished_at,
            started_at = case when excluded.state = 'started' then excluded.started_at else steps.started_at end
        where steps.state <> 'finished'
    ),
    files as (
        select f.job_id, a.path, a.sha256, a.size_bytes, a.content_type, a.modified_at, a.created_at
        from fresh f
        cross join lateral jsonb_to_recordset(f.artifacts) a (
            path text, sha256 text, size_bytes bigint, content_type text, modified_at timestamptz, created_at timestamptz
        )
        where jsonb_typeof(f.artifacts) = 'array'
    ),
    stored as (
        insert into blobs (sha256, size_bytes) select distinct on (f.sha256) f.sha256, f.size_bytes from files f order by f.sha256
        on conflict (sha256) do nothing
    ),
    published as (
        insert into artifacts (job_id, path, sha256, size_bytes, content_type, modified_at, created_at)
        select f.job_id, f.path, f.sha256, f.size_bytes, f.content_type, f.modified_at, f.created_at from files f
        on conflict (job_id, path) do nothing
    ),
    ended as (
        update jobs j set
            state = case when j.state = 'canceled' then j.state else f.finish ->> 'state' end,
            completed_at = case when j.state = 'canceled' then null else clock_timestamp() end,
            error = case when j.state = 'canceled' then j.error else f.finish ->> 'error' end,
            outcome = nullif(f.finish -> 'outcome', 'null'),
            sandbox_id = coalesce(f.sandbox_id, j.sandbox_id),
            lease_id = null, node_id = null, updated_at = clock_timestamp()
        from fresh f
        where j.id = f.job_id and f.ends
    ),
    placed as (
        update jobs j set sandbox_id = f.sandbox_id, updated_at = clock_timestamp()
        from fresh f
        where j.id = f.job_id and f.sandbox_id is not null and not f.ends
    ),
    totals as (
        select f.session_num, max(f.write_num) as write_num, sum(jsonb_array_length(f.events)) as n,
               bool_or(f.ends) as ends
        from fresh f group by f.session_num
    ),
    moved as (
        update sessions s set
            event_seq = s.event_seq + t.n,
            write_num = t.write_num,
            running_job = case when t.ends then null else s.running_job end,
            head_job = h.id, head_lane = h.lane_id, head_priority = h.priority, head_order_at = h.order_at,
            head_run_at = h.run_at, head_num = h.num, head_ready = coalesce(h.run_at <= clock_timestamp(), false)
        from totals t
        left join lateral (
            select q.id, q.lane_id, q.priority, q.order_at, q.run_at, q.num from jobs q
            where t.ends and q.session_num = t.session_num and q.state = 'queued'
            order by q.order_at, q.pos limit 1
        ) h on true
        where s.num = t.session_num
        returning s.num, s.event_seq, case when s.head_ready then s.head_lane end as lane
    )
    select k.ord,
        case when k.ord = any (v_fresh) then 'written' when k.is_held then 'repeated' else 'lost' end,
        k.is_canceled, m.event_seq, m.lane
    from known k
    left join moved m on m.num = k.session_num and k.ord = any (v_fresh);
end
$$;
