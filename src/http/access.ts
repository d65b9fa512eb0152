import type { FastifyInstance } from 'fastify';
import type { NeededScope } from '../core/scope.ts';

/**
 * Who may use a route, said beside the route and enforced by route.ts:
 * `public`: anybody; all others: whoever proves a tenant with a credential of that scope. Session tokens read and submit;
 * `admin` is an API key's only.
 */
export type Access =
  | { readonly who: 'public' }
  | {
      readonly who: NeededScope;
      /** True where `?token=` is read beside the header: for clients that cannot set one. */
      readonly readsQueryToken: boolean;
      /**
       * What decides over the single record. `job`: findJob in actions/find-job.ts checks its session, user and tenant.
       * `session`: findSession in actions/find-session.ts checks the one that is read, or that the new work goes to.
       * `worker`: findWorker in actions/find-worker.ts checks it, or the action that makes one.
       * `schedule`: findSchedule in actions/find-schedule.ts checks its tenant, session and user.
       * `hidden`: findProfile, findBatch and findRun in actions; a foreign record is answered as one that is not there.
       * `tenant`: the statement itself is limited to the principal's tenant and, where it has one, user.
       */
      readonly record: 'job' | 'session' | 'worker' | 'schedule' | 'hidden' | 'tenant';
    };

/** A route as the router has it. */
export interface DeclaredRoute {
  readonly method: string;
  readonly url: string;
  readonly access: Access;
}

declare module 'fastify' {
  interface FastifyContextConfig {
    readonly access?: Access;
  }
}

/**
 * Makes the router refuse a route that does not declare its access, with an Error at its registration. Call it before the
 * first route. The list that it returns grows with every route that is registered later.
 */
export const guardRoutes = (server: FastifyInstance): readonly DeclaredRoute[] => {
  const routes: DeclaredRoute[] = [];
  server.addHook('onRoute', (route) => {
    const methods = Array.isArray(route.method) ? route.method : [route.method];
    const access = route.config?.access;
    if (access === undefined) {
      throw new Error(
        `The route ${methods.join(', ')} "${route.url}" declares no access, expected one of src/http/access.ts: add it through addRoute.`,
      );
    }
    for (const method of methods) routes.push({ method, url: route.url, access });
  });
  return routes;
};
