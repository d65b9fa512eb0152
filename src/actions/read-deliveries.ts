import { KaziError } from '../core/errors.ts';
import type { Principal } from '../core/principal.ts';
import { requireScope } from '../core/scope.ts';
import {
  type DeliveryFilter,
  getDelivery,
  type LoggedAttempt,
  type LoggedDelivery,
  listAttempts,
  listDeliveries,
} from '../storage/webhook-log.ts';
import type { ActionContext } from './context.ts';

const SHOWN_ATTEMPTS = 100;

/** Deliveries of the tenant, newest first. Needs scope admin. */
export const listTenantDeliveries = async (
  context: ActionContext,
  principal: Principal,
  filter: Omit<DeliveryFilter, 'tenantId'>,
): Promise<readonly LoggedDelivery[]> => {
  requireScope(principal, 'admin');
  return await listDeliveries(context.db, { ...filter, tenantId: principal.tenantId });
};

/** One delivery with its newest attempts. Throws DELIVERY_NOT_FOUND. Needs scope admin. */
export const readDelivery = async (
  context: ActionContext,
  principal: Principal,
  id: string,
): Promise<{ readonly delivery: LoggedDelivery; readonly attempts: readonly LoggedAttempt[] }> => {
  requireScope(principal, 'admin');
  const delivery = await getDelivery(context.db, principal.tenantId, id);
  if (!delivery) throw new KaziError('DELIVERY_NOT_FOUND');
  return { delivery, attempts: await listAttempts(context.db, id, SHOWN_ATTEMPTS) };
};
