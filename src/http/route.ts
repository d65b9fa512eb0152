import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { authenticate } from '../actions/authenticate.ts';
import type { ActionContext } from '../actions/context.ts';
import type { KaziError } from '../core/errors.ts';
import { checkIdentityHints, type IdentityHints, type Principal } from '../core/principal.ts';
import { requireScope } from '../core/scope.ts';
import type { Access } from './access.ts';
import { searchOf } from './request-url.ts';

/** Methods that a route may have. HEAD is served where it is declared, never implied by GET. */
export type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** What a handler works with, once the credential and the hints have been checked. */
export interface Exchange<Body> {
  readonly context: ActionContext;
  readonly principal: Principal;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly query: URLSearchParams;
  /**
   * Counts this request, where the route is rate limited. To be called as the last check before there is new work or an
   * open socket: what is refused anyway, or repeats an earlier request, is not counted. Throws RATE_LIMITED.
   */
  readonly countRequest: () => Promise<void>;
  readonly body: Body;
}

export type ErrorFields = (error: KaziError, request: FastifyRequest) => Readonly<Record<string, unknown>>;

export interface ApiRoute<Body> {
  readonly method: Method | readonly Method[];
  readonly url: string;
  readonly access: Exclude<Access, { readonly who: 'public' }>;
  /** True where requests count against the rate limit: then the handler sees to it that `countRequest` is called. */
  readonly rateLimited?: true;
  /** Refuses a request for what it is, before anything else. */
  readonly checkFirst?: (request: FastifyRequest) => void;
  /** Parses the body, before the credential is looked at. Throws INVALID_JSON or INVALID_REQUEST. */
  readonly readBody: (bytes: Buffer | undefined) => Body;
  /** True: a request without a good credential is refused before its body is even received. */
  readonly isAuthenticatedFirst?: true;
  /** Refuses a path that names nothing which can exist, once the credential is known and before its hints are looked at. */
  readonly checkPath?: (request: FastifyRequest) => void;
  /** Where the identity hints are; null = in the query string. */
  readonly hintsOf: ((body: Body) => IdentityHints) | null;
  /** What the envelope of an error says beside the error itself. */
  readonly errorFields?: ErrorFields;
  /** The answer; undefined when it has been sent through `reply` already. */
  readonly handle: (exchange: Exchange<Body>) => Promise<unknown>;
}

/** For routes without a body. */
export const NO_BODY = { readBody: () => undefined, hintsOf: null } as const;

/** Registers a route whose checks come in the order of the contract: shape, credential, hints, scope, then the handler's. */
export const addRoute = <Body>(server: FastifyInstance, context: ActionContext, route: ApiRoute<Body>): void => {
  const { access, readBody, hintsOf, handle } = route;
  const prove = async (request: FastifyRequest): Promise<Principal> => {
    const { authorization } = request.headers;
    const queryToken = access.readsQueryToken ? new URLSearchParams(searchOf(request.url)).get('token') : null;
    return await authenticate(context, { authorization, queryToken });
  };
  server.route({
    method: [route.method].flat(),
    url: route.url,
    config: { access, ...(route.errorFields ? { errorFields: route.errorFields } : {}) },
    ...(route.isAuthenticatedFirst ? { onRequest: async (request) => void (await prove(request)) } : {}),
    handler: async (request, reply) => {
      route.checkFirst?.(request);
      const body = readBody(request.body as Buffer | undefined);
      const query = new URLSearchParams(searchOf(request.url));
      const principal = await prove(request);
      route.checkPath?.(request);
      checkIdentityHints(principal, hintsOf === null ? queryHints(query) : hintsOf(body));
      requireScope(principal, access.who);
      const countRequest = async (): Promise<void> => {
        if (route.rateLimited) await server.countRequest(request, principal);
      };
      return await handle({ context, principal, request, reply, query, body, countRequest });
    },
  });
};

const queryHints = (query: URLSearchParams): IdentityHints => ({
  userId: query.get('user_id'),
  tenantId: query.get('tenant_id'),
});

declare module 'fastify' {
  interface FastifyContextConfig {
    readonly errorFields?: ErrorFields;
  }
}
