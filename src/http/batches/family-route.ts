import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { authenticate } from '../../actions/authenticate.ts';
import type { ActionContext } from '../../actions/context.ts';
import { checkIdentityHints, type Principal } from '../../core/principal.ts';
import { requireScope } from '../../core/scope.ts';
import { searchOf } from '../request-url.ts';
import type { Method } from '../route.ts';

/** What a handler works with, once the credential and the hints have been checked. It reads the body itself, if there is one. */
export interface FamilyExchange {
  readonly context: ActionContext;
  readonly principal: Principal;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly query: URLSearchParams;
  /** Counts this request, where the route is rate limited; as in route.ts. Throws RATE_LIMITED. */
  readonly countRequest: () => Promise<void>;
}

export interface FamilyRoute {
  readonly method: Method;
  /** Without a slash at its end; it is served with one too (request-url.ts). */
  readonly url: string;
  /** What decides over the single record (access.ts). */
  readonly record: 'hidden' | 'tenant';
  /** True where requests count against the rate limit. */
  readonly rateLimited?: true;
  readonly handle: (exchange: FamilyExchange) => Promise<unknown>;
}

/** Registers a route whose checks come in the order of this family: credential, hints, then body, shape and all that is the handler's. */
export const addFamilyRoute = (server: FastifyInstance, context: ActionContext, route: FamilyRoute): void => {
  const who = route.method === 'GET' ? 'read' : 'submit';
  server.route({
    method: route.method,
    url: route.url,
    config: { access: { who, readsQueryToken: false, record: route.record } },
    // Nobody without a credential gets a body read, and large ones are parsed as they arrive: the router must not see it.
    onRequest: (request, _reply, done) => {
      delete request.headers['content-length'];
      delete request.headers['transfer-encoding'];
      done();
    },
    handler: async (request, reply) => {
      const query = new URLSearchParams(searchOf(request.url));
      const { authorization, user_id: userId } = request.headers;
      const principal = await authenticate(context, { authorization, queryToken: null });
      const tenantId = query.get('tenant_id');
      for (const hint of [userId ?? null, query.get('user_id')].flat())
        checkIdentityHints(principal, { userId: hint, tenantId });
      requireScope(principal, who);
      const countRequest = async (): Promise<void> => {
        if (route.rateLimited) await server.countRequest(request, principal);
      };
      reply.header('Content-Type', 'application/json; charset=utf-8');
      return await route.handle({ context, principal, request, reply, query, countRequest });
    },
  });
};
