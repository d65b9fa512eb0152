import { KaziError } from '../core/errors.ts';
import type { Principal } from '../core/principal.ts';
import type { ProfileFields } from '../core/profile.ts';
import { changeProfile as storeChange } from '../storage/profiles.ts';
import type { ActionContext } from './context.ts';
import { checkHandle } from './create-profile.ts';
import { findProfile } from './find-profile.ts';

/** Sets the fields that are given; runs under way keep the old ones. Throws as findProfile does, and UNKNOWN_MODEL_HANDLE. */
export const changeProfile = async (
  context: ActionContext,
  principal: Principal,
  change: { readonly id: string; readonly fields: Partial<ProfileFields> },
): Promise<void> => {
  const { id, fields } = change;
  const { sessionNum } = await findProfile(context, principal, id);
  if (fields.model !== undefined) checkHandle(context, fields.model);
  const hasChanged = await storeChange(context.db, { sessionNum, userId: principal.userId, fields });
  if (!hasChanged) throw new KaziError('PROFILE_NOT_FOUND', { id });
};
