import { KaziError } from '../core/errors.ts';
import type { Principal } from '../core/principal.ts';
import { listOpenItems, deleteProfile as storeDeletion } from '../storage/profiles.ts';
import { cancelRun } from './cancel-run.ts';
import type { ActionContext } from './context.ts';
import { findProfile } from './find-profile.ts';

/** Hides a profile and cancels the items that its session has; what it did stays readable. Throws as findProfile does. */
export const deleteProfile = async (context: ActionContext, principal: Principal, id: string): Promise<void> => {
  const { sessionNum } = await findProfile(context, principal, id);
  if (!(await storeDeletion(context.db, sessionNum))) throw new KaziError('PROFILE_NOT_FOUND', { id });
  for (const jobId of await listOpenItems(context.db, sessionNum)) await cancelRun(context, jobId);
  context.notifications.publish('batches', 0);
};
