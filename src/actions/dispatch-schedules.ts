import type { Principal } from '../core/principal.ts';
import { RuleBook } from '../core/schedule/rule-book.ts';
import { finishRuns } from '../storage/schedule-runs.ts';
import { claimDue } from './claim-due.ts';
import type { ActionContext } from './context.ts';
import { fireInOrder } from './fire-in-order.ts';

/** Schedules that one claim takes, and how long others leave their runs alone. */
const LIMIT = 100;
const LEASE_MS = 30_000;

export interface Dispatch {
  /** Schedules of the tenant that were due. */
  readonly scanned: number;
  /** Jobs that were made. */
  readonly dispatched: number;
  /** Fires that failed; some are tried again. */
  readonly failed: number;
}

/** Fires what is due in the principal's tenant now, beside the nodes' own timers: each due time is claimed by one of them. */
export const dispatchSchedules = async (context: ActionContext, principal: Principal): Promise<Dispatch> => {
  const sum = { scanned: 0, dispatched: 0, failed: 0 };
  const claim = { now: null, tenantId: principal.tenantId, limit: LIMIT, leaseMs: LEASE_MS, rules: new RuleBook() };
  for (let isFull = true; isFull; ) {
    const { scanned, runs } = await claimDue(context.db, claim);
    const ends = await fireInOrder(context, runs, LEASE_MS);
    if (ends.length > 0) await finishRuns(context.db, ends);
    sum.scanned += scanned;
    sum.dispatched += ends.filter(({ outcome }) => outcome === 'fired').length;
    sum.failed += ends.filter(({ outcome }) => outcome !== 'fired').length;
    isFull = scanned === LIMIT;
  }
  return sum;
};
