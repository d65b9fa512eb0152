import type { FastifyRequest } from 'fastify';
import type { NeededScope } from '../../core/scope.ts';
import { parseSessionId } from '../../core/session-id.ts';
import { decodeOnce } from '../path-parameter.ts';

/** Id of the session that the path of a route under /session names. Throws INVALID_SESSION_ID. */
export const sessionIdOf = (request: FastifyRequest): string => {
  const { sessionId } = request.params as { readonly sessionId: string };
  return parseSessionId(decodeOnce(sessionId));
};

/** What all routes under /session/{id} share. */
export const sessionRoute = <const Who extends NeededScope>(who: Who) =>
  ({
    access: { who, readsQueryToken: false, record: 'session' },
    checkPath: (request: FastifyRequest) => void sessionIdOf(request),
    hintsOf: null,
  }) as const;
