import { KaziError } from '../core/errors.ts';
import { checkVisible } from '../core/ownership.ts';
import type { Principal } from '../core/principal.ts';
import type { Profile } from '../core/profile.ts';
import { findProfile as loadProfile } from '../storage/profiles.ts';
import type { ActionContext } from './context.ts';

/** The profile of that session, if the principal may read it. Throws PROFILE_NOT_FOUND, and RECORD_MISSING_OWNER. */
export const findProfile = async (context: ActionContext, principal: Principal, id: string): Promise<Profile> => {
  const profile = await loadProfile(context.db, principal.tenantId, id);
  const notFound = new KaziError('PROFILE_NOT_FOUND', { id });
  if (!profile) throw notFound;
  checkVisible({ principal, name: 'Agent', record: profile, notFound });
  return profile;
};
