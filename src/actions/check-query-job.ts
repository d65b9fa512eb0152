import { checkOwnership } from '../core/ownership.ts';
import type { Principal } from '../core/principal.ts';
import { newSessionId } from '../core/session-id.ts';
import { getJob } from '../storage/jobs.ts';
import type { ActionContext } from './context.ts';
import { findNamedSession, type SessionReference } from './resolve-session.ts';

/**
 * A query may name a job of its own session, whose files it then works on as every run of the session does. Throws the
 * ownership errors for a job of another session or owner; one that nobody knows is only a mark for the client.
 */
export const checkQueryJob = async (
  context: ActionContext,
  principal: Principal,
  { jobId, session }: { readonly jobId: string | null; readonly session: SessionReference },
): Promise<void> => {
  if (jobId === null) return;
  const record = await getJob(context.db, jobId);
  if (!record) return;
  // A session that the query makes anew is none that the job could be of.
  const namedSessionId = (await findNamedSession(context, principal, session)) ?? newSessionId();
  checkOwnership({ principal, kind: 'Job', record, namedSessionId });
};
