import type { Principal } from '../core/principal.ts';
import { getKeptAnswer, setKeptStatus } from '../storage/idempotency.ts';
import { cancelJob } from './cancel-job.ts';
import type { ActionContext } from './context.ts';
import type { RequestIdentity } from './new-job.ts';

const TIMED_OUT = 504;

/** Stops the run of a query that took too long, if it has one of its own. Whoever sends the request again is told the same, not what the run had made. */
export const giveUpQuery = async (
  context: ActionContext,
  principal: Principal,
  query: { readonly jobId: string | null; readonly request: RequestIdentity },
): Promise<void> => {
  const scope = query.request.idempotencyScope;
  if (scope !== null) await setKeptStatus(context.db, scope, TIMED_OUT);
  if (query.jobId !== null) await cancelJob(context, principal, { jobId: query.jobId, namedSessionId: null });
};

/** True when the first of these requests was told that its run took too long. */
export const wasGivenUp = async (context: ActionContext, { idempotencyScope }: RequestIdentity): Promise<boolean> => {
  if (idempotencyScope === null) return false;
  return (await getKeptAnswer(context.db, idempotencyScope))?.status === TIMED_OUT;
};
