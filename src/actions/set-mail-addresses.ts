import { normalizeSenders } from '../core/mail-sender.ts';
import type { Principal } from '../core/principal.ts';
import { requireScope } from '../core/scope.ts';
import { listMailAddresses as listAddresses, putMailAddresses, type UserMailAddresses } from '../storage/mail.ts';
import type { ActionContext } from './context.ts';

/** The mail addresses of the tenant's users, by user. Needs scope admin. */
export const listMailAddresses = async (
  context: ActionContext,
  principal: Principal,
): Promise<readonly UserMailAddresses[]> => {
  requireScope(principal, 'admin');
  return await listAddresses(context.db, principal.tenantId);
};

/**
 * Replaces the mail addresses of a user, who may then write to the workers that are the user's; null = to those that are no
 * user's. Needs scope admin. Throws as normalizeSenders does.
 */
export const setMailAddresses = async (
  context: ActionContext,
  principal: Principal,
  { userId, addresses }: UserMailAddresses,
): Promise<UserMailAddresses> => {
  requireScope(principal, 'admin');
  const { tenantId } = principal;
  const kept = { userId, addresses: normalizeSenders(addresses) };
  await context.directory.ensureOwner(tenantId, userId);
  await putMailAddresses(context.db, { tenantId, ...kept });
  return kept;
};
