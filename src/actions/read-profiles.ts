import { KaziError } from '../core/errors.ts';
import type { Principal } from '../core/principal.ts';
import type { Profile } from '../core/profile.ts';
import { type ProfileActivity, readProfileActivity } from '../storage/profile-activity.ts';
import { listProfiles } from '../storage/profiles.ts';
import type { ActionContext } from './context.ts';
import { findProfile } from './find-profile.ts';
import { readableUser } from './list-jobs.ts';
import { type PageRequest, readPage } from './page.ts';

/** A profile, and what its session holds and did last. */
export interface ProfileView {
  readonly profile: Profile;
  readonly activity: ProfileActivity | undefined;
}

/** Throws as findProfile does. */
export const readProfile = async (context: ActionContext, principal: Principal, id: string): Promise<ProfileView> => {
  const profile = await findProfile(context, principal, id);
  return { profile, activity: (await readProfileActivity(context.db, [profile.sessionNum])).get(profile.sessionNum) };
};

export interface ProfileListRequest extends PageRequest {
  readonly name: string | null;
  readonly tags: readonly string[] | null;
}

/** Profiles that the principal may read. Throws UNKNOWN_REFERENCE, REVERSED_REFERENCES. */
export const listReadableProfiles = async (
  context: ActionContext,
  principal: Principal,
  request: ProfileListRequest,
): Promise<ProfileView[]> => {
  const filter = {
    tenantId: principal.tenantId,
    userId: readableUser(principal),
    sessionIds: principal.sessionIds,
    name: request.name,
    tags: request.tags,
  };
  const profiles = await readPage({
    request,
    placeOf: async (id) => {
      try {
        return (await findProfile(context, principal, id)).sessionNum;
      } catch (error) {
        throw new KaziError('UNKNOWN_REFERENCE', { kind: 'Agent', id }, { cause: error });
      }
    },
    list: async (stretch) => await listProfiles(context.db, filter, stretch),
  });
  const activities = await readProfileActivity(
    context.db,
    profiles.map(({ sessionNum }) => sessionNum),
  );
  return profiles.map((profile) => ({ profile, activity: activities.get(profile.sessionNum) }));
};
