import type { Batch } from '../core/batch.ts';
import { KaziError } from '../core/errors.ts';
import { checkVisible } from '../core/ownership.ts';
import type { Principal } from '../core/principal.ts';
import { getBatch, isBatchWithin } from '../storage/batches.ts';
import type { ActionContext } from './context.ts';

/** The batch, if the principal may read it; the id is a UUID. Throws BATCH_NOT_FOUND, and RECORD_MISSING_OWNER. */
export const findBatch = async (context: ActionContext, principal: Principal, id: string): Promise<Batch> => {
  const batch = await getBatch(context.db, id);
  const notFound = new KaziError('BATCH_NOT_FOUND', { id: `job-${id}` });
  if (!batch || batch.tenantId !== principal.tenantId) throw notFound;
  const { sessionIds } = principal;
  if (sessionIds !== null && !(await isBatchWithin(context.db, batch.num, sessionIds))) throw notFound;
  // Its sessions have just been looked at; it is in none itself.
  const record = { ...batch, sessionId: batch.id };
  checkVisible({ principal: { ...principal, sessionIds: null }, name: 'Job', record, notFound });
  return batch;
};
