import type { Rows } from '../support/rows.ts';

/** What must hold in every database at every commit, whatever its jobs are doing. */
const QUERIES: Readonly<Record<string, string>> = {
  'the log of a session has a gap, or its counter is off': `
    select s.num, s.event_seq, count(e.seq) as events, max(e.seq) as newest from sessions s
    left join events e on e.session_num = s.num
    group by s.num having s.event_seq <> count(e.seq) or s.event_seq <> coalesce(max(e.seq), 0)`,
  'the positions of a session have a gap, or its counter is off': `
    select s.num, s.job_seq, count(j.pos) as jobs, max(j.pos) as newest from sessions s
    left join jobs j on j.session_num = s.num
    group by s.num
    having s.job_seq <> count(j.pos) or s.job_seq <> coalesce(max(j.pos), 0) or count(j.pos) <> count(distinct j.pos)`,
  'a session does not know the job that is held, its lease, or that it was canceled': `
    select s.num, s.running_job, s.lease_id, s.is_canceled, j.id, j.lease_id as job_lease, j.state from sessions s
    left join jobs j on j.session_num = s.num and j.lease_id is not null
    where s.running_job is distinct from j.id or s.lease_id is distinct from j.lease_id
      or (j.id is not null and s.is_canceled <> (j.state = 'canceled'))`,
  'queued_jobs is not the number of queued jobs': `
    select s.num, s.queued_jobs, count(j.id) as queued from sessions s
    left join jobs j on j.session_num = s.num and j.state = 'queued'
    group by s.num having s.queued_jobs <> count(j.id)`,
  'the head is not the first queued job of an idle session': `
    select s.num, s.head_job, q.id from sessions s
    left join lateral (
      select j.id, j.lane_id, j.priority, j.order_at, j.run_at, j.num from jobs j
      where j.session_num = s.num and j.state = 'queued' and s.running_job is null
      order by j.order_at, j.pos limit 1
    ) q on true
    where (s.head_job, s.head_lane, s.head_priority, s.head_order_at, s.head_run_at, s.head_num)
      is distinct from (q.id, q.lane_id, q.priority, q.order_at, q.run_at, q.num)`,
  'a head is ready before its time': `select num from sessions where head_ready and head_run_at > clock_timestamp()`,
  'a user message is missing or said twice': `
    select j.id, count(m.seq) as said from jobs j left join messages m on m.job_id = j.id and m.role = 'user'
    group by j.id, j.attempts having count(m.seq) <> least(j.attempts, 1)`,
  'the starts of a job are not its attempts': `
    select j.id, j.attempts, count(e.seq) as starts from jobs j
    left join events e on e.job_id = j.id and e.type = 'job.started'
    group by j.id having count(e.seq) <> j.attempts`,
  'a job that ended has no one end, or one that has not has one': `
    select j.id, j.state, count(e.seq) as ends from jobs j
    left join events e on e.job_id = j.id and e.type in ('job.completed', 'job.failed', 'job.stopped')
    group by j.id
    having count(e.seq) <> case
      when j.state in ('complete', 'failed') then 1
      when j.state = 'canceled' and j.lease_id is null and j.started_at is not null
        and exists (select 1 from events c where c.job_id = j.id and c.type = 'job.canceled' and (c.data ->> 'was_running')::boolean)
        then 1
      else 0 end`,
};

/** Every breach of an invariant, in words; none when all is well. */
export const findQueueBreaches = async (query: Rows): Promise<readonly string[]> => {
  const breaches: string[] = [];
  for (const [claim, sql] of Object.entries(QUERIES)) {
    const rows = await query(sql);
    if (rows.length > 0) breaches.push(`${claim}: ${rows.length} of ${JSON.stringify(rows.slice(0, 3))}`);
  }
  return breaches;
};
