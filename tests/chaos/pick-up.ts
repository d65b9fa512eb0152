import type { Rows } from '../support/rows.ts';
import { percentile } from './proof.ts';

/**
 * How long after a blow each job that it hit was started again, in ms, in ascending order. Hit are the jobs that were running then
 * and left their node in no other way than by being taken back from it.
 */
export const pickUpTimes = async (query: Rows, struckAt: Date): Promise<readonly number[]> => {
  const rows = await query<{ ms: number | null }>(
    `select (extract(epoch from again.at - $1::timestamptz) * 1000)::float8 as ms
     from jobs j
     cross join lateral (
       select e.type from events e where e.job_id = j.id and e.at <= $1::timestamptz and e.type like 'job.%' order by e.seq desc limit 1
     ) before
     cross join lateral (
       select e.type, e.seq from events e where e.job_id = j.id and e.at > $1::timestamptz and e.type like 'job.%' order by e.seq limit 1
     ) after
     left join lateral (
       select e.at from events e where e.job_id = j.id and e.seq > after.seq and e.type = 'job.started' order by e.seq limit 1
     ) again on true
     where before.type = 'job.started' and after.type = 'job.requeued'`,
    [struckAt.toISOString()],
  );
  return rows.map(({ ms }) => ms ?? Number.POSITIVE_INFINITY).toSorted((a, b) => a - b);
};

/** What a pick-up may take beyond the lease. */
const GRACE_MS = 1_000;

/** Names the pick-ups that took longer than promised; none when all kept to it. */
export const findLatePickUps = (times: readonly number[], allowedMs: number): readonly string[] => {
  const late = times.filter((ms) => ms > allowedMs + GRACE_MS).map(Math.round);
  return late.length === 0
    ? []
    : [`${late.length} jobs were picked up later than ${allowedMs} + ${GRACE_MS} ms: ${late.join(', ')}`];
};

/** Pick-up times as figures of a proof. */
export const pickUpFigures = (times: readonly number[]): Readonly<Record<string, number>> => ({
  'running jobs hit': times.length,
  'pick-up p50 ms': Math.round(percentile(times, 0.5)),
  'pick-up max ms': Math.round(percentile(times, 1)),
});
