import { KaziError } from '../core/errors.ts';
import type { Principal } from '../core/principal.ts';
import { getWorker } from '../storage/workers.ts';
import { type AcceptedTurn, acceptTurn, type TurnToAccept } from './accept-turn.ts';
import { cancelRun } from './cancel-run.ts';
import type { ActionContext } from './context.ts';
import type { NewTurn } from './create-worker.ts';
import { findWorker } from './find-worker.ts';

/** A file that comes with an instruction. */
export interface TurnFile {
  /** Relative to the workspace, with `/`; one that is there already is replaced. */
  readonly path: string;
  readonly bytes: Uint8Array;
}

/**
 * Queues another turn of a worker. The files that come with it are in the workspace before the turn is accepted, so that
 * whoever sends the request again after a crash writes the same ones again; a request that is known to have made its turn
 * writes none, because they are the worker's by then. Throws as findWorker and createJob do, and FILE_NOT_FOUND for a path
 * that names no file inside.
 */
export const continueWorker = async (
  context: ActionContext,
  principal: Principal,
  turn: NewTurn & Pick<TurnToAccept, 'metadata' | 'webhook' | 'workerId'> & { readonly files?: readonly TurnFile[] },
): Promise<AcceptedTurn> => {
  const { workerId, files = [], ...rest } = turn;
  const { worker, session } = await findWorker(context, principal, workerId);
  const prepare = async (): Promise<void> => {
    for (const file of files) {
      const isWritten = await context.workspaceFiles.write(session.num, file);
      if (!isWritten) throw new KaziError('FILE_NOT_FOUND');
    }
  };
  const accepted = await acceptTurn(context, principal, { ...rest, workerId, prepare });
  // Deleting looks for turns after it has marked the worker, so one of the two sees the other.
  if (!(await getWorker(context.db, worker))) {
    await cancelRun(context, accepted.jobId);
    throw new KaziError('WORKER_NOT_FOUND');
  }
  return accepted;
};
