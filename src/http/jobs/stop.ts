import type { FastifyInstance } from 'fastify';
import { findSession } from '../../actions/find-session.ts';
import { readStop } from '../../actions/read-stop.ts';
import { requestStop, type StopAnswer } from '../../actions/request-stop.ts';
import { jobEnded } from '../../realtime/job-end.ts';
import type { SessionStop } from '../../storage/stops.ts';
import { parseBody } from '../request-body.ts';
import { addRoute, NO_BODY } from '../route.ts';
import { toSeconds } from '../seconds.ts';
import type { JobRoutesOptions } from './options.ts';
import { sessionIdOf, sessionRoute } from './session-path.ts';
import { stopSchema } from './session-schema.ts';

/** How long an immediate stop waits for the runner to let the run go (jobs API, section 9.6). */
const CONFIRM_MS = 5_000;

/** `/session/{id}/stop`: ends the run of a session. */
export const addStopRoutes = (server: FastifyInstance, { context, hub, closing }: JobRoutesOptions): void => {
  addRoute(server, context, {
    method: 'GET',
    url: '/session/:sessionId/stop',
    ...sessionRoute('read'),
    ...NO_BODY,
    handle: async ({ principal, request }) => {
      const sessionId = sessionIdOf(request);
      const stop = await readStop(context, principal, sessionId);
      if (stop) return { ok: true, session_id: sessionId, status: statusOf(stop), ...toEntry(stop), message: null };
      const message = 'No active cancellation for this session';
      return { ok: true, session_id: sessionId, status: 'not_found', ...toEntry(null), message };
    },
  });
  addRoute(server, context, {
    method: 'POST',
    url: '/session/:sessionId/stop',
    ...sessionRoute('submit'),
    // The session is checked before the body, so the handler parses it.
    readBody: (bytes) => bytes,
    handle: async ({ principal, request, body }) => {
      const sessionId = sessionIdOf(request);
      await findSession(context, principal, sessionId);
      const { mode, reason } = parseBody(stopSchema, body?.length ? body : EMPTY, 'Invalid session stop request body');
      const answer = await requestStop(context, principal, { sessionId, mode, reason: reason ?? null });
      const isConfirmed = answer.endingJobId === null || (await hasEnded(answer.endingJobId));
      const entry = toEntry(answer.stop);
      const message = describe(answer, mode, isConfirmed);
      return { ok: answer.ok, session_id: sessionId, status: statusOfAnswer(answer), ...entry, message };
    },
  });

  const hasEnded = async (jobId: string): Promise<boolean> => {
    const late = new AbortController();
    const timeout = setTimeout(() => late.abort(), CONFIRM_MS);
    const signal = AbortSignal.any([closing, late.signal]);
    return await jobEnded(hub, context.db, { jobId, signal }).finally(() => clearTimeout(timeout));
  };
};

const EMPTY = Buffer.from('{}');

const statusOf = ({ isAcknowledged }: SessionStop): string => (isAcknowledged ? 'acknowledged' : 'requested');

const statusOfAnswer = ({ outcome, stop }: StopAnswer): string => {
  if (outcome === 'disabled') return 'disabled';
  if (outcome === 'idle' || !stop) return 'acknowledged';
  return outcome === 'pending' ? statusOf(stop) : 'requested';
};

const toEntry = (stop: SessionStop | null): Readonly<Record<string, string | number | null>> => ({
  requested_at: stop && toSeconds(stop.requestedAt),
  expires_at: stop && toSeconds(stop.expiresAt),
  reason: stop?.reason ?? null,
  requested_by: stop?.requestedBy ?? null,
});

/** The texts of the contract, section 9.6. */
const describe = ({ outcome }: StopAnswer, mode: SessionStop['mode'], isConfirmed: boolean): string => {
  if (outcome === 'disabled') return 'Stopping runs through their session is switched off on this server.';
  if (outcome === 'idle') return 'No run in progress; nothing to stop.';
  if (outcome === 'pending') return 'Session stop already requested.';
  if (mode === 'graceful') return 'Session stop requested. Agent will stop after current tool call.';
  return isConfirmed
    ? 'Session interrupted immediately.'
    : 'Session stop signaled. Agent will stop at next opportunity.';
};
