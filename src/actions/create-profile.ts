import { KaziError } from '../core/errors.ts';
import type { Principal } from '../core/principal.ts';
import type { ProfileFields } from '../core/profile.ts';
import { newProfileId } from '../core/profile-id.ts';
import { createProfile as storeProfile } from '../storage/profiles.ts';
import type { ActionContext } from './context.ts';

/** Makes a session with a profile; gives its id. Throws SESSION_NOT_AUTHORIZED for credentials of named sessions, UNKNOWN_MODEL_HANDLE. */
export const createProfile = async (
  context: ActionContext,
  principal: Principal,
  fields: ProfileFields,
): Promise<string> => {
  if (principal.sessionIds !== null) throw new KaziError('SESSION_NOT_AUTHORIZED');
  checkHandle(context, fields.model);
  await context.directory.ensureOwner(principal.tenantId, principal.userId);
  const sessionId = newProfileId();
  const { tenantId, userId } = principal;
  await storeProfile(context.db, { tenantId, userId, sessionId }, fields);
  return sessionId;
};

/** Throws UNKNOWN_MODEL_HANDLE with the handles there are. */
export const checkHandle = ({ models }: ActionContext, handle: string): void => {
  if (!models.has(handle))
    throw new KaziError('UNKNOWN_MODEL_HANDLE', { handle, handles: models.handles().join(', ') });
};
