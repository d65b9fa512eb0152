import { randomInt } from 'node:crypto';
import type { BudgetLevel } from '../core/budget.ts';
import { checkSessionScope, type Principal } from '../core/principal.ts';
import { newWorkerId } from '../core/worker-id.ts';
import { setAccountLimits } from '../storage/accounts.ts';
import { createWorker as storeWorker } from '../storage/workers.ts';
import { type AcceptedTurn, acceptTurn } from './accept-turn.ts';
import type { ActionContext } from './context.ts';
import type { NewJob, RequestIdentity } from './new-job.ts';

/** One instruction to a worker. */
export interface NewTurn {
  readonly input: string;
  readonly budget: BudgetLevel;
  readonly request: Omit<RequestIdentity, 'toResponse'>;
  readonly countRequest?: NewJob['countRequest'];
}

/** Makes a worker with its first turn. Throws SESSION_NOT_AUTHORIZED for a session-bound credential, and as createJob does. */
export const createWorker = async (
  context: ActionContext,
  principal: Principal,
  turn: NewTurn,
): Promise<AcceptedTurn> => {
  checkSessionScope(principal, null);
  const { tenantId } = principal;
  const id = newWorkerId(tenantId);
  const prepare = async (): Promise<void> => {
    await context.directory.ensureOwner(tenantId, principal.userId);
    // What a session may take by default is not meant for workers (jobs API, section 9.4).
    const limits = { maxRequests: 'unlimited', maxCostMicros: 'unlimited' } as const;
    await setAccountLimits(context.db, { tenantId, kind: 'session', id }, limits);
    await storeWorker(context.db, { tenantId, id, mailToken: newMailToken() });
  };
  return await acceptTurn(context, principal, { ...turn, workerId: id, prepare });
};

const MAIL_TOKEN = 'abcdefghijklmnopqrstuvwxyz0123456789';

const newMailToken = (): string => Array.from({ length: 8 }, () => MAIL_TOKEN[randomInt(MAIL_TOKEN.length)]).join('');
