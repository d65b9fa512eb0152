import { callbackify } from 'node:util';
import rateLimit from '@fastify/rate-limit';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { ActionContext } from '../actions/context.ts';
import type { CountedRequest } from '../actions/request-counts.ts';
import { KaziError } from '../core/errors.ts';
import type { Principal } from '../core/principal.ts';
import { RATE_WINDOW_MS, rateLimitOf, rateSubjectOf } from '../core/rate-limit.ts';

declare module 'fastify' {
  interface FastifyInstance {
    /** Counts a request of a route that declares `rateLimited`. Throws RATE_LIMITED. */
    readonly countRequest: (request: FastifyRequest, principal: Principal) => Promise<void>;
  }
}

/**
 * Gives the server its limiter. The limiter's own hooks are not used: they would count before it is known who asks, and
 * whether it is a repeated request or one that is refused anyway. Call it before the first route.
 */
export const addRateLimits = (server: FastifyInstance, { requestCounts, rateLimits }: ActionContext): void => {
  const principals = new WeakMap<FastifyRequest, Principal>();
  const principalOf = (request: FastifyRequest): Principal => {
    const principal = principals.get(request);
    if (!principal) throw new Error(`a request of ${request.url} was counted before its credential was known`);
    return principal;
  };
  const count = callbackify(async (counted: CountedRequest) => {
    const { requests, endsInMs } = await requestCounts.add(counted);
    return { current: requests, ttl: endsInMs };
  });
  let limiter: ReturnType<FastifyInstance['createRateLimit']> | undefined;
  void server.register(rateLimit, {
    global: false,
    timeWindow: RATE_WINDOW_MS,
    max: (request) => rateLimitOf(rateLimits, principalOf(request)) ?? Number.POSITIVE_INFINITY,
    keyGenerator: (request) =>
      `${request.method} ${request.routeOptions.url ?? ''} ${rateSubjectOf(principalOf(request))}`,
    store: class DatabaseStore {
      incr(key: string, callback: Answer, windowMs: number, max: number): void {
        count({ key, windowMs, max }, callback);
      }

      child(): DatabaseStore {
        return this;
      }
    },
  });
  server.decorate('countRequest', async (request: FastifyRequest, principal: Principal) => {
    // Credentials without a limit pay nothing, not even the look at a row.
    if (rateLimitOf(rateLimits, principal) === null) return;
    principals.set(request, principal);
    limiter ??= server.createRateLimit();
    const verdict = await limiter(request);
    if (verdict.isAllowed || !verdict.isExceeded) return;
    const seconds = Math.min(Math.max(verdict.ttlInSeconds, 1), RATE_WINDOW_MS / 1_000);
    throw new KaziError('RATE_LIMITED', { retryAfterSeconds: seconds });
  });
};

type Answer = (error: Error | null, result?: { current: number; ttl: number }) => void;
