import type { Principal } from '../core/principal.ts';
import { cancelBatchItems, cancelBatch as storeCancel } from '../storage/batch-ends.ts';
import { followCancel } from './cancel-run.ts';
import type { ActionContext } from './context.ts';
import { findBatch } from './find-batch.ts';

/** Items of one transaction: it holds their sessions for about 20 ms. */
const AT_ONCE = 200;

/** Ends a batch: no item of it starts once this resolves. One that has ended is left unchanged. Throws as findBatch does. */
export const cancelBatch = async (context: ActionContext, principal: Principal, id: string): Promise<void> => {
  const batch = await findBatch(context, principal, id);
  const hasChanged = await storeCancel(context.db, batch.num);
  // Asked a second time, it also waits until the first has got through.
  if (!hasChanged && batch.status !== 'running' && batch.status !== 'cancelled') return;
  await cancelRestOfBatch(context, batch.num);
  context.notifications.publish('batches', 0);
};

/** Cancels all that a cancelled batch has open, a few at a time; nothing when it has none, or is not cancelled. */
export const cancelRestOfBatch = async (context: ActionContext, num: number): Promise<void> => {
  for (;;) {
    const { items, lanes } = await cancelBatchItems(context.db, num, AT_ONCE);
    if (items.length === 0) return;
    for (const lane of lanes) context.notifications.publish('lanes', lane);
    for (const { jobId, sessionNum, hasRun } of items) {
      if (hasRun) await followCancel(context, jobId, { sessionNum, lanes: [] });
      else context.notifications.publish('events', sessionNum);
    }
  }
};
