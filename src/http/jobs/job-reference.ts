import type { JobReference } from '../../actions/find-job.ts';
import { findNamedSession } from '../../actions/resolve-session.ts';
import { parseJobId } from '../../core/job-id.ts';
import { decodeOnce } from '../path-parameter.ts';
import { readText } from '../query-values.ts';
import type { Exchange } from '../route.ts';

/** The session that the query string names, checked against the credential's scope; null when it names none. */
export const readNamedSession = async ({ context, principal, query }: Exchange<unknown>): Promise<string | null> =>
  await findNamedSession(context, principal, {
    sessionId: query.get('session_id')?.trim() ?? null,
    sessionKey: readText(query, 'session_key'),
  });

/** The job that the path means. Throws the errors of the scope, then INVALID_JOB_ID. */
export const readJobReference = async (exchange: Exchange<unknown>): Promise<JobReference> => {
  const namedSessionId = await readNamedSession(exchange);
  const { jobId } = exchange.request.params as { readonly jobId: string };
  return { jobId: parseJobId(decodeOnce(jobId)), namedSessionId };
};
