import { createHash } from 'node:crypto';
import { derivedId } from '../core/derived-id.ts';
import { isKaziError, type KaziError } from '../core/errors.ts';
import type { Principal } from '../core/principal.ts';
import type { Schedule } from '../core/schedule/schedule.ts';
import { isWorkerId } from '../core/worker-id.ts';
import { toWorkerScheduleId } from '../core/worker-schedule-id.ts';
import { isDatabaseUnavailable } from '../storage/database.ts';
import { getJob } from '../storage/jobs.ts';
import type { PendingRun, RunEnd } from '../storage/schedule-runs.ts';
import { cancelJob } from './cancel-job.ts';
import type { ActionContext } from './context.ts';
import { createJob } from './create-job.ts';
import type { NewJob } from './new-job.ts';

/** A fire that failed is tried again after 1, 2, 4 … 60 minutes, so often (jobs API, section 14). */
const MAX_RETRIES = 10;
const MINUTE_MS = 60_000;
const MAX_DELAY_MINUTES = 60;

/** What became of a run, and the error that says so to whoever waits. */
export interface Fired {
  readonly end: RunEnd;
  readonly error: KaziError | null;
}

/**
 * Makes the job of a run; what comes of it is the caller's to store. The job's id is the run's, so that a second try, or
 * another node's, never makes a second one. Throws DATABASE_UNAVAILABLE when it is not known what came of it: the run
 * then stays pending.
 */
export const fireRun = async (context: ActionContext, run: PendingRun): Promise<Fired> => {
  const { id, schedule, tries } = run;
  const end = { id, scheduleId: schedule.id, tries, reason: null, delayMs: null };
  try {
    if (run.isTakenOver && (await getJob(context.db, id))) return { end: { ...end, outcome: 'fired' }, error: null };
    const owner = ownerOf(schedule);
    if (run.replaces !== null) await cancelPrevious(context, owner, run.replaces);
    await createJob(context, owner, toNewJob(run));
    return { end: { ...end, outcome: 'fired' }, error: null };
  } catch (error) {
    if (isDatabaseUnavailable(error)) throw error;
    // Another node that was taken for dead has made it after all.
    if (await getJob(context.db, id)) return { end: { ...end, outcome: 'fired' }, error: null };
    if (!isKaziError(error))
      context.log.error({ err: error, schedule: schedule.id, run: id }, 'a schedule did not fire');
    const known = isKaziError(error) ? error : null;
    return { end: { ...end, ...afterFailure(error, tries) }, error: known };
  }
};

const afterFailure = (error: unknown, tries: number): Pick<RunEnd, 'outcome' | 'reason' | 'tries' | 'delayMs'> => {
  const reason = isKaziError(error) ? error.message : 'Internal error';
  // A budget that is spent is not there again in a minute: the next fire is as planned.
  const isRefusal = isKaziError(error) && error.status === 429;
  if (isRefusal || tries >= MAX_RETRIES) return { outcome: 'failed', reason, tries: tries + 1, delayMs: null };
  const delayMs = Math.min(2 ** tries, MAX_DELAY_MINUTES) * MINUTE_MS;
  return { outcome: 'pending', reason, tries: tries + 1, delayMs };
};

/** It may have ended, or never have come to be. */
const cancelPrevious = async (context: ActionContext, owner: Principal, jobId: string): Promise<void> => {
  const job = await getJob(context.db, jobId);
  if (job) await cancelJob(context, { ...owner, userId: job.userId }, { jobId, namedSessionId: null });
};

/** A schedule acts for whoever made it. */
const ownerOf = (schedule: Schedule): Principal => ({
  kind: 'session_token',
  tenantId: schedule.tenantId,
  userId: schedule.userId,
  sessionIds: null,
  scopes: ['user'],
  isAnonymous: schedule.isAnonymous,
  hasTenantClaim: true,
  credentialId: `schedule:${schedule.id}`,
});

const toNewJob = ({ id, schedule, dueAt, trigger, now }: PendingRun): NewJob => ({
  question: schedule.question,
  agent: schedule.agent,
  session: {
    sessionId: schedule.sessionMode === 'new' ? derivedId(id, 'session') : schedule.sessionId,
    sessionKey: null,
  },
  scheduleAt: null,
  metadata: {
    ...schedule.metadata,
    schedule_id: isWorkerId(schedule.sessionId) ? toWorkerScheduleId(schedule.id) : schedule.id,
    schedule_name: schedule.name,
    triggered_at: Math.floor(now.getTime() / 1_000),
    // The work of a past time has to know which.
    ...(trigger === 'backfill' ? { schedule_due_at: Math.floor(dueAt.getTime() / 1_000) } : {}),
  },
  priority: 0,
  webhook: schedule.webhook,
  ...(schedule.budget === null ? {} : { budget: schedule.budget }),
  origin: { jobId: id, parentJobId: null, apiKeyId: schedule.apiKeyId },
  request: {
    idempotencyScope: null,
    hash: createHash('sha256').update(id).digest(),
    isRetry: false,
    toResponse: (jobId) => jobId,
  },
});
