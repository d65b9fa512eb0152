import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, test } from 'node:test';
import Fastify from 'fastify';
import { type DeclaredRoute, guardRoutes } from '../../src/http/access.ts';
import { startApi } from '../support/api.ts';
import { bearer, send, UPGRADE } from '../support/api-client.ts';

// Nobody runs what is asked: a query ends by its timeout.
const api = await startApi({ runsJobs: false, queryTimeoutMs: 200 });
const routes = api.server.declaredRoutes;

const SESSION_ID = 'some-session';
const WORKER_ID = 't_default_w_01HZY2ZJQ8G7K42W2D7WF6V4GM';
const SCHEDULE = { name: 'x', question: 'x', schedule_type: 'one_off', run_at: 4_000_000_000 };
const pathOf = ({ url }: DeclaredRoute): string =>
  url
    .replace(':jobId', randomUUID())
    .replace(':sessionId', SESSION_ID)
    .replace(':workerId', WORKER_ID)
    .replace(':promptId', randomUUID())
    .replace(':scheduleId', randomUUID())
    .replace(':id', randomUUID())
    .replace(':agentId', `agent-${randomUUID()}`)
    .replace(':batchId', `job-${randomUUID()}`)
    .replace(':runId', `run-${randomUUID()}`)
    .replace(':kind', 'session')
    .replace(':name', 'some-agent')
    .replace('*', 'file.txt');
const WEBHOOK_BODIES: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  '/webhooks/endpoints': { url: 'https://a.invalid/' },
  '/webhooks/deliveries/replay-failed': { since: 0 },
};
/** A valid body, so that the check of the body never answers first. */
const bodyOf = ({ method, url }: DeclaredRoute) => {
  if (method === 'PUT' && url.startsWith('/budgets')) return { body: { max_cost_usd: 1 } };
  if (url.startsWith('/secrets') && method === 'PUT') return { body: { value: 'x' } };
  if (url === '/mail/addresses' && method === 'PUT') return { body: { addresses: [] } };
  if (url.startsWith('/webhooks')) return { body: WEBHOOK_BODIES[url] ?? {} };
  if (method === 'PATCH') return { body: url.startsWith('/schedules') ? {} : { position: 1 } };
  if (url.endsWith('/email/senders') && method === 'PUT') return { body: { senders: [] } };
  if (method !== 'POST') return {};
  if (url.startsWith('/api/workers')) return { body: { input: 'x' } };
  if (url === '/v1/agents') return { body: { model: 'kazi/echo' } };
  if (url.endsWith('/stop')) return { body: {} };
  if (url === '/schedules') return { body: SCHEDULE };
  if (url.endsWith('/backfill')) return { body: { start_at: 1, end_at: 2 } };
  if (url.startsWith('/approvals')) return { body: { decision: 'allow' } };
  return { body: ['/keys', '/agents'].includes(url) ? { name: 'x' } : { question: 'x', agent_type: 'echo' } };
};
/** Sockets are open to an upgrade alone; under every other method they answer as a GET without one. */
const isSocket = ({ url }: DeclaredRoute): boolean => ['/query_stream', '/ws', '/events'].includes(url);
const ask = async (route: DeclaredRoute, headers: Readonly<Record<string, string>>, path = pathOf(route)) => {
  const upgrade = isSocket(route) && route.method === 'GET' ? UPGRADE : {};
  return await send(api.url, { method: route.method, path, headers: { ...upgrade, ...headers }, ...bodyOf(route) });
};
const nameOf = ({ method, url }: DeclaredRoute): string => `${method} ${url}`;

describe('the access of every route', () => {
  test('is declared for exactly the routes that the router has', () => {
    const names = routes.map((route) => `${nameOf(route)} ${JSON.stringify(route.access)}`).toSorted();
    const closed = (who: string, record: string, readsQueryToken = false) =>
      JSON.stringify({ who, readsQueryToken, record });
    const open = JSON.stringify({ who: 'public' });
    assert.deepEqual(names, [
      `DELETE /agents/:name ${closed('admin', 'tenant')}`,
      `DELETE /api/workers/:workerId ${closed('submit', 'worker')}`,
      `DELETE /api/workers/:workerId/schedules/:scheduleId ${closed('submit', 'worker')}`,
      `DELETE /api/workers/:workerId/webhook ${closed('submit', 'worker')}`,
      `DELETE /events ${closed('read', 'session', true)}`,
      `DELETE /health ${open}`,
      `DELETE /jobs/ ${open}`,
      `DELETE /jobs/:jobId ${closed('submit', 'job')}`,
      `DELETE /keys/:id ${closed('admin', 'tenant')}`,
      `DELETE /query_stream ${closed('read', 'session', true)}`,
      `DELETE /schedules/:scheduleId ${closed('submit', 'schedule')}`,
      `DELETE /secrets/:name ${closed('admin', 'tenant')}`,
      `DELETE /session/ ${open}`,
      `DELETE /session/:sessionId/queue ${closed('submit', 'session')}`,
      `DELETE /session/:sessionId/queue/:promptId ${closed('submit', 'session')}`,
      `DELETE /v1/agents/:agentId ${closed('submit', 'hidden')}`,
      `DELETE /webhooks/endpoints/:id ${closed('admin', 'tenant')}`,
      `DELETE /ws ${closed('read', 'session', true)}`,
      `GET /agents ${closed('read', 'tenant')}`,
      `GET /agents/:name ${closed('read', 'tenant')}`,
      `GET /agents/:name/versions ${closed('read', 'tenant')}`,
      `GET /api/workers/:workerId ${closed('read', 'worker', true)}`,
      `GET /api/workers/:workerId/email ${closed('read', 'worker')}`,
      `GET /api/workers/:workerId/email/senders ${closed('read', 'worker')}`,
      `GET /api/workers/:workerId/files/* ${closed('read', 'worker', true)}`,
      `GET /api/workers/:workerId/schedules ${closed('read', 'worker')}`,
      `GET /api/workers/:workerId/stream ${closed('read', 'worker', true)}`,
      `GET /api/workers/:workerId/webhook ${closed('read', 'worker')}`,
      `GET /api/workers/:workerId/webhook/executions ${closed('read', 'worker')}`,
      `GET /approvals ${closed('read', 'tenant')}`,
      `GET /approvals/:id ${closed('read', 'job')}`,
      `GET /budgets ${closed('admin', 'tenant')}`,
      `GET /budgets/:kind ${closed('admin', 'tenant')}`,
      `GET /budgets/:kind/:id ${closed('admin', 'tenant')}`,
      `GET /events ${closed('read', 'session', true)}`,
      `GET /health ${open}`,
      `GET /healthz ${open}`,
      `GET /jobs ${closed('read', 'tenant')}`,
      `GET /jobs/ ${open}`,
      `GET /jobs/:jobId ${closed('read', 'job')}`,
      `GET /jobs/:jobId/artifacts ${closed('read', 'job', true)}`,
      `GET /jobs/:jobId/artifacts/* ${closed('read', 'job', true)}`,
      `GET /jobs/:jobId/events ${closed('read', 'job', true)}`,
      `GET /jobs/:jobId/usage ${closed('read', 'job')}`,
      `GET /keys ${closed('admin', 'tenant')}`,
      `GET /mail/addresses ${closed('admin', 'tenant')}`,
      `GET /query ${open}`,
      `GET /query_stream ${closed('read', 'session', true)}`,
      `GET /readyz ${open}`,
      `GET /schedules ${closed('read', 'tenant')}`,
      `GET /schedules/:scheduleId ${closed('read', 'schedule')}`,
      `GET /schedules/:scheduleId/preview ${closed('read', 'schedule')}`,
      `GET /schedules/:scheduleId/runs ${closed('read', 'schedule')}`,
      `GET /secrets ${closed('admin', 'tenant')}`,
      `GET /session/ ${open}`,
      `GET /session/:sessionId/messages ${closed('read', 'session')}`,
      `GET /session/:sessionId/queue ${closed('read', 'session')}`,
      `GET /session/:sessionId/state ${closed('read', 'session')}`,
      `GET /session/:sessionId/stop ${closed('read', 'session')}`,
      `GET /sessions ${closed('read', 'tenant')}`,
      `GET /submit ${open}`,
      `GET /usage ${closed('read', 'tenant')}`,
      `GET /v1/agents ${closed('read', 'tenant')}`,
      `GET /v1/agents/:agentId ${closed('read', 'hidden')}`,
      `GET /v1/agents/:agentId/messages ${closed('read', 'hidden')}`,
      `GET /v1/health ${open}`,
      `GET /v1/messages/batches ${closed('read', 'tenant')}`,
      `GET /v1/messages/batches/:batchId ${closed('read', 'hidden')}`,
      `GET /v1/messages/batches/:batchId/items ${closed('read', 'hidden')}`,
      `GET /v1/messages/batches/:batchId/messages ${closed('read', 'hidden')}`,
      `GET /v1/runs ${closed('read', 'tenant')}`,
      `GET /v1/runs/:runId ${closed('read', 'hidden')}`,
      `GET /v1/runs/:runId/messages ${closed('read', 'hidden')}`,
      `GET /v1/runs/:runId/usage ${closed('read', 'hidden')}`,
      `GET /webhooks/deliveries ${closed('admin', 'tenant')}`,
      `GET /webhooks/deliveries/:id ${closed('admin', 'tenant')}`,
      `GET /webhooks/endpoints ${closed('admin', 'tenant')}`,
      `GET /webhooks/endpoints/:id ${closed('admin', 'tenant')}`,
      `GET /ws ${closed('read', 'session', true)}`,
      `HEAD /api/workers/:workerId/files/* ${closed('read', 'worker', true)}`,
      `HEAD /jobs/ ${open}`,
      `HEAD /jobs/:jobId/artifacts/* ${closed('read', 'job', true)}`,
      `HEAD /session/ ${open}`,
      `PATCH /api/workers/:workerId ${closed('submit', 'worker')}`,
      `PATCH /events ${closed('read', 'session', true)}`,
      `PATCH /health ${open}`,
      `PATCH /jobs/ ${open}`,
      `PATCH /query_stream ${closed('read', 'session', true)}`,
      `PATCH /schedules/:scheduleId ${closed('submit', 'schedule')}`,
      `PATCH /session/ ${open}`,
      `PATCH /session/:sessionId/queue/:promptId ${closed('submit', 'session')}`,
      `PATCH /v1/agents/:agentId ${closed('submit', 'hidden')}`,
      `PATCH /v1/messages/batches/:batchId/cancel ${closed('submit', 'hidden')}`,
      `PATCH /webhooks/endpoints/:id ${closed('admin', 'tenant')}`,
      `PATCH /ws ${closed('read', 'session', true)}`,
      `POST /agents ${closed('admin', 'tenant')}`,
      `POST /api/workers ${closed('submit', 'worker')}`,
      `POST /api/workers/:workerId ${closed('submit', 'worker')}`,
      `POST /api/workers/:workerId/schedules ${closed('submit', 'worker')}`,
      `POST /api/workers/:workerId/webhook/regenerate-token ${closed('submit', 'worker')}`,
      `POST /approvals/:id ${closed('submit', 'job')}`,
      `POST /events ${closed('read', 'session', true)}`,
      `POST /health ${open}`,
      `POST /jobs/ ${open}`,
      `POST /keys ${closed('admin', 'tenant')}`,
      `POST /query ${closed('submit', 'session')}`,
      `POST /query_stream ${closed('read', 'session', true)}`,
      `POST /schedules ${closed('submit', 'session')}`,
      `POST /schedules/:scheduleId/backfill ${closed('submit', 'schedule')}`,
      `POST /schedules/:scheduleId/pause ${closed('submit', 'schedule')}`,
      `POST /schedules/:scheduleId/resume ${closed('submit', 'schedule')}`,
      `POST /schedules/:scheduleId/run ${closed('submit', 'schedule')}`,
      `POST /schedules/dispatch ${closed('admin', 'tenant')}`,
      `POST /session/ ${open}`,
      `POST /session/:sessionId/queue ${closed('submit', 'session')}`,
      `POST /session/:sessionId/stop ${closed('submit', 'session')}`,
      `POST /submit ${closed('submit', 'session')}`,
      `POST /v1/agents ${closed('submit', 'tenant')}`,
      `POST /v1/messages/batches ${closed('submit', 'hidden')}`,
      `POST /webhooks/deliveries/:id/replay ${closed('admin', 'tenant')}`,
      `POST /webhooks/deliveries/replay-failed ${closed('admin', 'tenant')}`,
      `POST /webhooks/endpoints ${closed('admin', 'tenant')}`,
      `POST /webhooks/endpoints/:id/rotate-secret ${closed('admin', 'tenant')}`,
      `POST /webhooks/endpoints/:id/test ${closed('admin', 'tenant')}`,
      `POST /ws ${closed('read', 'session', true)}`,
      `PUT /api/workers/:workerId/email/senders ${closed('submit', 'worker')}`,
      `PUT /api/workers/:workerId/webhook ${closed('submit', 'worker')}`,
      `PUT /budgets/:kind ${closed('admin', 'tenant')}`,
      `PUT /budgets/:kind/:id ${closed('admin', 'tenant')}`,
      `PUT /events ${closed('read', 'session', true)}`,
      `PUT /health ${open}`,
      `PUT /jobs/ ${open}`,
      `PUT /mail/addresses ${closed('admin', 'tenant')}`,
      `PUT /query_stream ${closed('read', 'session', true)}`,
      `PUT /secrets/:name ${closed('admin', 'tenant')}`,
      `PUT /session/ ${open}`,
      `PUT /ws ${closed('read', 'session', true)}`,
    ]);
  });

  test('a route without a declaration cannot be registered', () => {
    const server = Fastify();
    guardRoutes(server);
    assert.throws(() => server.get('/open', () => 'x'), /GET "\/open" declares no access/);
    assert.throws(
      () => server.route({ method: 'POST', url: '/x', config: {}, handler: () => 'x' }),
      /declares no access/,
    );
  });

  for (const route of routes.filter(({ access }) => access.who === 'public')) {
    test(`${nameOf(route)} asks for no credential`, async () => {
      assert.ok(![401, 403].includes((await ask(route, {})).status));
    });
  }

  for (const route of routes.filter((each) => each.url === '/query_stream' && each.method !== 'GET')) {
    test(`${nameOf(route)} is refused before anything is looked at`, async () => {
      const answer = await ask(route, UPGRADE);
      assert.deepEqual([answer.status, answer.text], [426, 'WebSocket upgrade required']);
    });
  }

  for (const route of routes) {
    const { access } = route;
    if (access.who === 'public' || (route.url === '/query_stream' && route.method !== 'GET')) continue;

    test(`${nameOf(route)} refuses whoever proves nothing`, async () => {
      assert.equal((await ask(route, {})).status, 401);
      assert.equal((await ask(route, bearer('kz_unknown'))).status, 401);
    });

    test(`${nameOf(route)} ${access.readsQueryToken ? 'reads' : 'ignores'} ?token=`, async () => {
      // One route answers with a stream or not, and reads it for a stream.
      const answer = await ask(route, {}, `${pathOf(route)}?stream=true&token=${api.adminKey}`);
      assert.equal(answer.status === 401, !access.readsQueryToken, answer.text);
    });

    test(`${nameOf(route)} refuses foreign hints before it looks at anything else`, async () => {
      const isBody = ['/submit', '/query'].includes(route.url);
      const answer = isBody
        ? await send(api.url, {
            method: 'POST',
            path: route.url,
            headers: bearer(api.adminKey),
            body: { question: 'x', user_id: 'x' },
          })
        : await ask(route, bearer(api.adminKey), `${pathOf(route)}?user_id=x`);
      assert.equal(answer.status, 403);
    });

    test(`${nameOf(route)} asks for the scope ${access.who}`, async () => {
      const scopeName = `${access.who.charAt(0).toUpperCase()}${access.who.slice(1)}`;
      const message = `${scopeName} scope required`;
      const isOfWorkers = access.record === 'worker';
      const isOfBatches = route.url.startsWith('/v1/');
      const jobsForm = isOfBatches ? { detail: message } : { ok: false, error: message };
      const error = JSON.stringify(isOfWorkers ? { error: 'forbidden', message } : jobsForm);
      for (const scope of ['read', 'submit'] as const) {
        const answer = await ask(route, bearer(await api.key({ scopes: [scope] })));
        if (scope === access.who) assert.ok(![401, 403].includes(answer.status), answer.text);
        else assert.deepEqual([answer.status, answer.text], [403, route.method === 'HEAD' ? '' : error]);
      }
    });

    if (access.who === 'admin') {
      test(`${nameOf(route)} refuses keys without the scope admin, and session tokens`, async () => {
        for (const credential of [await api.key(), api.token({ userId: 'admin' })]) {
          const answer = await ask(route, bearer(credential));
          assert.deepEqual([answer.status, answer.text], [403, '{"ok":false,"error":"Admin scope required"}']);
        }
      });
    }
  }
});
