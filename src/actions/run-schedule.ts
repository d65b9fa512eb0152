import { derivedId } from '../core/derived-id.ts';
import { KaziError } from '../core/errors.ts';
import { newJobId } from '../core/job-id.ts';
import type { Principal } from '../core/principal.ts';
import { readClock } from '../storage/clock.ts';
import { getJob } from '../storage/jobs.ts';
import { addRuns, finishRuns } from '../storage/schedule-runs.ts';
import type { ActionContext } from './context.ts';
import { findSchedule } from './find-schedule.ts';
import { fireRun } from './fire-run.ts';
import type { RequestIdentity } from './new-job.ts';

const LEASE_MS = 30_000;

/**
 * Makes a job of a schedule now, whether it is enabled or not, and whatever its other jobs do; gives the job's id. Its due
 * times stay as they are. Throws as findSchedule and createJob do: such a run is not tried again.
 */
export const runSchedule = async (
  context: ActionContext,
  principal: Principal,
  { id, request }: { readonly id: string; readonly request: Pick<RequestIdentity, 'idempotencyScope'> },
): Promise<{ readonly jobId: string; readonly isReplay: boolean }> => {
  const schedule = await findSchedule(context.db, principal, id);
  const scope = request.idempotencyScope;
  const runId = scope === null ? newJobId() : derivedId(id, scope.toString('hex'));
  if (scope !== null && (await getJob(context.db, runId))) return { jobId: runId, isReplay: true };
  const now = await readClock(context.db);
  const run = { id: runId, scheduleId: id, dueAt: now, generation: null, trigger: 'manual' } as const;
  const added = await addRuns(context.db, [{ ...run, outcome: 'pending', reason: null, replaces: null }], LEASE_MS);
  if (!added.has(runId)) throw new KaziError('IDEMPOTENCY_IN_PROGRESS');
  const pending = { id: runId, schedule, dueAt: now, trigger: run.trigger, replaces: null, tries: 0, now };
  const { end, error } = await fireRun(context, { ...pending, isTakenOver: false });
  if (end.outcome === 'fired') {
    await finishRuns(context.db, [end]);
    return { jobId: runId, isReplay: false };
  }
  await finishRuns(context.db, [{ ...end, outcome: 'failed', delayMs: null }]);
  throw error ?? new KaziError('INTERNAL');
};
