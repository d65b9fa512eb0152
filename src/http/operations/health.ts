import type { FastifyInstance } from 'fastify';
import type { Access } from '../access.ts';

/** Knows whether this node can do its work. */
export interface HealthSource {
  /** Why it cannot, one sentence each; empty when it can. Answers also while the database is away. */
  check(): Promise<readonly string[]>;
}

export interface HealthRoutesOptions {
  readonly health: HealthSource;
  readonly draining: AbortSignal;
}

const PUBLIC: Access = { who: 'public' };

/** `/health` (jobs API), `/healthz` and `/readyz` (operations contract): nobody needs a credential for them. */
export const addHealthRoutes = (server: FastifyInstance, { health, draining }: HealthRoutesOptions): void => {
  const config = { access: PUBLIC };
  server.route({
    method: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'],
    url: '/health',
    config,
    handler: async () => await Promise.resolve({ ok: true, service: 'kazi' }),
  });
  server.get('/healthz', { config }, async () => await Promise.resolve({ ok: true }));
  server.get('/readyz', { config }, async (_request, reply) => {
    const reasons = [...(draining.aborted ? ['Server is shutting down'] : []), ...(await health.check())];
    reply.code(reasons.length === 0 ? 200 : 503);
    return { ok: reasons.length === 0, reasons };
  });
};
