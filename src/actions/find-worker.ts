import { isKaziError, KaziError } from '../core/errors.ts';
import { checkOwnership } from '../core/ownership.ts';
import type { Principal } from '../core/principal.ts';
import type { Worker } from '../core/worker.ts';
import type { SessionIdentity } from '../storage/sessions.ts';
import { getWorker } from '../storage/workers.ts';
import type { ActionContext } from './context.ts';

/** A worker with its session. */
export interface FoundWorker {
  readonly worker: Worker;
  readonly session: SessionIdentity;
}

/**
 * The worker with that id, if the principal may use it. Throws WORKER_NOT_FOUND also for one that is another's or was deleted, and
 * RECORD_MISSING_OWNER for one that cannot confirm the principal's user.
 */
export const findWorker = async (context: ActionContext, principal: Principal, id: string): Promise<FoundWorker> => {
  const isInScope = principal.sessionIds === null || principal.sessionIds.includes(id);
  const session = isInScope ? await context.directory.findSession(principal.tenantId, id) : undefined;
  const worker = session && (await getWorker(context.db, { tenantId: principal.tenantId, id }));
  if (!session || !worker) throw new KaziError('WORKER_NOT_FOUND');
  try {
    const record = { sessionId: session.id, userId: session.userId, tenantId: session.tenantId };
    checkOwnership({ principal, kind: 'Worker', record, namedSessionId: null });
  } catch (error) {
    if (isKaziError(error, 'RECORD_MISSING_OWNER')) throw error;
    throw new KaziError('WORKER_NOT_FOUND', {}, { cause: error });
  }
  return { worker, session };
};
