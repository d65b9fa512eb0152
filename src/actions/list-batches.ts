import type { Batch } from '../core/batch.ts';
import { KaziError } from '../core/errors.ts';
import type { Principal } from '../core/principal.ts';
import { listBatches } from '../storage/batches.ts';
import type { ActionContext } from './context.ts';
import { findBatch } from './find-batch.ts';
import { readableUser } from './list-jobs.ts';
import { type PageRequest, readPage } from './page.ts';

/** Batches that the principal may read, whatever their status. Throws UNKNOWN_REFERENCE, REVERSED_REFERENCES. */
export const listReadableBatches = async (
  context: ActionContext,
  principal: Principal,
  request: PageRequest,
): Promise<Batch[]> => {
  const { tenantId, sessionIds } = principal;
  const owner = { tenantId, sessionIds, userId: readableUser(principal) };
  return await readPage({
    request,
    placeOf: async (id) => {
      try {
        return (await findBatch(context, principal, id)).num;
      } catch (error) {
        throw new KaziError('UNKNOWN_REFERENCE', { kind: 'Job', id: `job-${id}` }, { cause: error });
      }
    },
    list: async (stretch) => await listBatches(context.db, owner, stretch),
  });
};
