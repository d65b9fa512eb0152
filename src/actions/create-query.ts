import { checkOwnership } from '../core/ownership.ts';
import type { Principal } from '../core/principal.ts';
import { newSessionId } from '../core/session-id.ts';
import { getJob } from '../storage/jobs.ts';
import type { ActionContext } from './context.ts';
import { createJob } from './create-job.ts';
import type { CreatedJob } from './find-replay.ts';
import type { NewJob } from './new-job.ts';
import { findNamedSession } from './resolve-session.ts';

/** A client that waits sends it again itself: a run that lost its node is not begun anew behind its back. */
const ATTEMPTS = 1;

/** A job that somebody waits for (docs/decisions/0006). */
export interface NewQuery {
  /** Where it says nothing of a busy session, it is refused there. */
  readonly job: NewJob;
  /** A job of the same session, whose files it works on as every run of the session does; null = none. */
  readonly jobId: string | null;
}

/**
 * Accepts a query; throws as createJob does, the ownership errors for a named job of another session or owner.
 * A named job that nobody knows is only a mark for the client.
 */
export const createQuery = async (
  context: ActionContext,
  principal: Principal,
  { job, jobId }: NewQuery,
): Promise<CreatedJob> => {
  if (jobId !== null) await checkNamedJob(context, principal, { jobId, session: job.session });
  return await createJob(context, principal, { ifBusy: 'reject', ...job, maxAttempts: ATTEMPTS, needsRunner: true });
};

const checkNamedJob = async (
  context: ActionContext,
  principal: Principal,
  { jobId, session }: { readonly jobId: string; readonly session: NewJob['session'] },
): Promise<void> => {
  const record = await getJob(context.db, jobId);
  if (!record) return;
  // A session that the query makes anew is none that the job could be of.
  const namedSessionId = (await findNamedSession(context, principal, session)) ?? newSessionId();
  checkOwnership({ principal, kind: 'Job', record, namedSessionId });
};
