import { isKaziError } from '../core/errors.ts';
import type { Principal } from '../core/principal.ts';
import type { Queryable } from '../storage/database.ts';
import { knownSessionNums, reserveSessionNum, forkSession as storeFork } from '../storage/forks.ts';
import { type AcceptedJob, acceptJobs, type JobSubmission } from '../storage/submissions.ts';
import { type Admission, admitJob } from './admit-job.ts';
import type { ActionContext } from './context.ts';

/** A copy that nobody has decided on for this long was left behind by a crash. */
const ABANDONED_MS = 86_400_000;

/** The first job of a session that begins as a copy of another one. */
export interface ForkedJob {
  /** Null when the source does not exist: then there is nothing to copy. */
  readonly sourceNum: number | null;
  /** Names the new session. */
  readonly submission: JobSubmission;
  readonly admission: Admission;
}

/**
 * Copies the workspace as it is now, then makes the session, its history and its first job in one commit: whatever fails
 * before leaves no session. Throws FORK_REFUSED and the errors of budgets.
 */
export const acceptForkedJob = async (
  context: ActionContext,
  principal: Principal,
  { sourceNum, submission, admission }: ForkedJob,
): Promise<AcceptedJob | undefined> =>
  await context.intake.submitAlone(submission, async () => {
    const num = await reserveSessionNum(context.db);
    try {
      if (sourceNum !== null) await context.workspaceForks.copy(sourceNum, num);
      const accepted = await context.db.transaction(async (tx) => {
        const { sessionId, userId } = submission;
        if (sourceNum !== null) await storeFork(tx, { sourceNum, num, sessionId, userId });
        await admitJob({ db: tx, budgets: context.budgets }, principal, admission);
        const [answer] = await acceptJobs(tx, [submission]);
        if (answer?.outcome !== 'accepted') throw new TakenKey();
        return answer;
      });
      await context.workspaceForks.keep(num);
      return accepted;
    } catch (error) {
      // After a lost answer the session may be there: the sweep finds out.
      if (!isKaziError(error, 'DATABASE_UNAVAILABLE')) await context.workspaceForks.discard(num);
      if (error instanceof TakenKey) return undefined;
      throw error;
    }
  });

/** Undoes the transaction: a request with the same Idempotency-Key was accepted in the same moment. */
class TakenKey extends Error {}

/** Removes what crashed forks have left on this node's disk. */
export const sweepForks = async (
  context: { readonly db: Queryable } & Pick<ActionContext, 'workspaceForks'>,
): Promise<void> => {
  const nums = await context.workspaceForks.listUndecided(ABANDONED_MS);
  if (nums.length === 0) return;
  const known = await knownSessionNums(context.db, nums);
  for (const num of nums) {
    if (known.has(num)) await context.workspaceForks.keep(num);
    else await context.workspaceForks.discard(num);
  }
};
