import type { Rows } from '../support/rows.ts';
import { percentile } from './proof.ts';

/** How long after a blow each job that had been running then was started again, in ms, in ascending order. */
export const pickUpTimes = async (query: Rows, struckAt: Date): Promise<readonly number[]> => {
  const rows = await query<{ ms: number | null }>(
    `select (extract(epoch from min(again.at) - $1::timestamptz) * 1000)::float8 as ms
     from events start
     join jobs j on j.id = start.job_id
     left join events again on again.job_id = start.job_id and again.type = 'job.started' and again.at > $1::timestamptz
     where start.type = 'job.started' and start.at <= $1::timestamptz
       and not exists (
         select from events e where e.job_id = start.job_id and e.seq > start.seq and e.at <= $1::timestamptz
           and e.type in ('job.completed', 'job.failed', 'job.requeued'))
     group by j.id`,
    [struckAt.toISOString()],
  );
  return rows.map(({ ms }) => ms ?? Number.POSITIVE_INFINITY).toSorted((a, b) => a - b);
};

/** What a pick-up may take beyond the lease. */
const GRACE_MS = 1_000;

/** Names the pick-ups that took longer than promised; none when all kept to it. */
export const findLatePickUps = (times: readonly number[], allowedMs: number): readonly string[] => {
  const late = times.filter((ms) => ms > allowedMs + GRACE_MS).map(Math.round);
  return late.length === 0 ? [] : [`${late.length} jobs were picked up later than ${allowedMs} + ${GRACE_MS} ms: ${late.join(', ')}`];
};

/** Pick-up times as figures of a proof. */
export const pickUpFigures = (times: readonly number[]): Readonly<Record<string, number>> => ({
  'running jobs hit': times.length,
  'pick-up p50 ms': Math.round(percentile(times, 0.5)),
  'pick-up max ms': Math.round(percentile(times, 1)),
});
