-- Journal: everything a runner writes about the jobs that it holds, in batches: events, messages, steps, and the end.

create type journal_entry as (
    ord integer,
    session_num bigint,
    job_id uuid,
    attempt integer,
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
returns table (ord integer, outcome text, canceled boolean, last_seq bigint, ready_lanes integer[])
language plpgsql
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
#variable_conflict use_column
declare
    v_entries journal_entry[];
    v_written integer[];
    v_canceled boolean[];
    v_seqs bigint[];
    v_freed bigint[];
    v_lanes integer[] := '{}';
begin
    select array_agg(e order by e.ord) into v_entries from jsonb_populate_recordset(null::journal_entry, p_entries) e;

    -- The session row is locked, fenced and counted in one write: the lease and the number are compared with the row as it
    -- is once locked. A session has one held job, so an entry at most matches it.
    with moved as (
        update sessions s set
            event_seq = s.event_seq + jsonb_array_length(e.events),
            write_num = e.write_num,
            running_job = case when e.ends then null else s.running_job end,
            lease_id = case when e.ends then null else s.lease_id end
        from (
            select u.*, coalesce(u.finish, 'null') <> 'null' as ends from unnest(v_entries) u order by u.session_num
        ) e
        where s.num = e.session_num and s.lease_id = e.lease_id and s.write_num < e.write_num
        returning e.*, s.is_canceled, s.queued_jobs, s.event_seq
    ),
    lines as (
        select m.session_num, m.job_id, m.attempt, l.line, m.event_seq - jsonb_array_length(m.events) + l.at as seq,
               case when m.is_canceled and l.line ->> 'type' in ('job.completed', 'job.failed') then 'job.stopped'
                    else l.line ->> 'type' end as type
        from moved m cross join lateral jsonb_array_elements(m.events) with ordinality l (line, at)
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
        select l.job_id, t.ordinal, t.kind, t.name, t.state, l.attempt, t.input, t.output,
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
        from moved f
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
            state = case when j.state = 'canceled' then j.state else m.finish ->> 'state' end,
            completed_at = case when j.state = 'canceled' then null else clock_timestamp() end,
            error = case when j.state = 'canceled' then j.error else m.finish ->> 'error' end,
            outcome = nullif(m.finish -> 'outcome', 'null'),
            sandbox_id = coalesce(m.sandbox_id, j.sandbox_id),
            lease_id = null, node_id = null, updated_at = clock_timestamp()
        from moved m
        where j.id = m.job_id and m.ends
    ),
    placed as (
        update jobs j set sandbox_id = m.sandbox_id, updated_at = clock_timestamp()
        from moved m
        where j.id = m.job_id and m.sandbox_id is not null and not m.ends
    )
    select array_agg(m.ord), array_agg(m.is_canceled), array_agg(m.event_seq),
           array_agg(m.session_num) filter (where m.ends and m.queued_jobs > 0)
    into v_written, v_canceled, v_seqs, v_freed from moved m;

    -- A new statement, which sees what was accepted while the first one waited for its locks.
    if v_freed is not null then
        v_lanes := refresh_heads(v_freed);
    end if;

    return query
    select w.ord, 'written'::text, w.canceled, w.seq, v_lanes
    from unnest(v_written, v_canceled, v_seqs) w (ord, canceled, seq);
    if cardinality(v_entries) > coalesce(cardinality(v_written), 0) then
        return query
        select e.ord, case when j.lease_id is not distinct from e.lease_id then 'repeated' else 'lost' end,
               coalesce(j.state = 'canceled', false), null::bigint, '{}'::integer[]
        from unnest(v_entries) e left join jobs j on j.id = e.job_id
        where e.ord <> all (coalesce(v_written, '{}'));
    end if;
end
$$;
