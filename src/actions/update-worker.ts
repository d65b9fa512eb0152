import { KaziError } from '../core/errors.ts';
import type { Principal } from '../core/principal.ts';
import type { Worker, WorkerSettings } from '../core/worker.ts';
import { getFirstInput } from '../storage/worker-log.ts';
import { getWorkerSettings, updateWorker as storeChange, type WorkerChange } from '../storage/workers.ts';
import type { ActionContext } from './context.ts';
import { findWorker } from './find-worker.ts';

/** A worker as whoever sets it up sees it. */
export interface WorkerTemplate {
  readonly worker: Worker;
  readonly settings: WorkerSettings;
  readonly userId: string | null;
  /** What stands for the title while there is none. */
  readonly firstInput: string;
}

/** Changes a worker; a running turn keeps what it began with. Throws as findWorker does. */
export const updateWorker = async (
  context: ActionContext,
  principal: Principal,
  { id, change }: { readonly id: string; readonly change: WorkerChange },
): Promise<WorkerTemplate> => {
  const found = await findWorker(context, principal, id);
  const { session } = found;
  const isChanged = Object.values(change).some((value) => value !== undefined);
  const worker = isChanged ? await storeChange(context.db, found.worker, change) : found.worker;
  if (!worker) throw new KaziError('WORKER_NOT_FOUND');
  return {
    worker,
    settings: await getWorkerSettings(context.db, worker),
    userId: session.userId,
    firstInput: worker.title === null ? await getFirstInput(context.db, session.num) : '',
  };
};
