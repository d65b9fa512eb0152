import pg from 'pg';

const TENANTS = 20;
export const SESSIONS = 20_000;

/** What session g does: g % 10 below 5 waits with two queued jobs, 5 to 7 has ended both, 8 runs its first, 9 waits for its time. */
const STATEMENTS = [
  `insert into tenants (id) select 'tenant-' || i from generate_series(1, ${TENANTS}) i`,
  `insert into lanes (tenant_id, agent) select id, 'echo' from tenants order by id`,
  `insert into nodes (role, address, expires_at) values ('runner', 'test', clock_timestamp() + interval '1 hour')`,
  `insert into sessions (tenant_id, id, event_seq, job_seq, last_at)
   select 'tenant-' || 1 + g % ${TENANTS}, 'session-' || g, 2, 2, clock_timestamp() from generate_series(1, ${SESSIONS}) g order by g`,
  `insert into jobs (id, tenant_id, session_num, lane_id, agent, state, order_at, pos, run_at, attempts, lease_id, node_id,
     question, request_hash, created_at, updated_at, started_at, completed_at)
   select gen_random_uuid(), s.tenant_id, s.num, l.id, 'echo',
     case when s.num % 10 in (5, 6, 7) then 'complete' when s.num % 10 = 8 and p = 1 then 'running' else 'queued' end,
     s.last_at, p, case when s.num % 10 = 9 then s.last_at + interval '1 hour' else s.last_at end,
     case when s.num % 10 in (5, 6, 7) or (s.num % 10 = 8 and p = 1) then 1 else 0 end,
     case when s.num % 10 = 8 and p = 1 then nextval('lease_ids') end, case when s.num % 10 = 8 and p = 1 then 1 end,
     'work', s.num, s.last_at, s.last_at,
     case when s.num % 10 in (5, 6, 7) or (s.num % 10 = 8 and p = 1) then s.last_at end,
     case when s.num % 10 in (5, 6, 7) then s.last_at end
   from sessions s join lanes l on l.tenant_id = s.tenant_id cross join generate_series(1, 2) p order by s.num, p`,
  `insert into events (session_num, seq, job_id, type, data) select session_num, pos, id, 'job.submitted', '{}' from jobs`,
  `insert into messages (session_num, seq, job_id, role, content) select session_num, pos, id, 'user', '[]' from jobs`,
  `insert into idempotency_keys (scope, request_hash, status, response, expires_at)
   select sha256(id::text::bytea), sha256(id::text::bytea), 200, '', clock_timestamp() + interval '1 hour' from jobs`,
  `update sessions s set running_job = j.id, lease_id = j.lease_id from jobs j where j.session_num = s.num and j.lease_id is not null`,
  `update sessions s set queued_jobs = (select count(*) from jobs j where j.session_num = s.num and j.state = 'queued')`,
];

const READY_HEADS = `
  update sessions s set head_job = j.id, head_lane = j.lane_id, head_priority = j.priority, head_order_at = j.order_at,
    head_run_at = j.run_at, head_num = j.num, head_ready = j.run_at <= clock_timestamp()
  from jobs j where j.session_num = s.num and j.pos = 1 and j.state = 'queued'`;

/** Fills a database with 20,000 sessions. `statistics`: whether the planner has seen the queue full, or only ever empty. */
export const fillDatabase = async (databaseUrl: string, statistics: 'full' | 'empty'): Promise<void> => {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  // A background analyze would decide which of the two it is.
  for (const table of ['sessions', 'jobs']) await client.query(`alter table ${table} set (autovacuum_enabled = false)`);
  for (const sql of STATEMENTS) await client.query(sql);
  if (statistics === 'empty') await client.query('analyze');
  await client.query(READY_HEADS);
  if (statistics === 'full') await client.query('vacuum analyze');
  await client.end();
};
