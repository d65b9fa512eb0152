import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startApi } from '../support/api.ts';
import { startReceiver } from '../support/receiver.ts';
import { WebhookCaller } from '../webhooks/webhook-caller.ts';

const HANGING = 100;
const JOBS_EACH = 4;
const TOLD = 20;

test('while 100 endpoints hang, and have a backlog, another one is told of everything at once', async (t) => {
  const api = await startApi({ webhooks: { waitMs: () => 0 } }, t);
  const hooks = new WebhookCaller(api);
  const receivers = await Promise.all(
    Array.from({ length: HANGING }, async () => await startReceiver([() => undefined], t)),
  );
  // A tenant may have 50; each of its jobs is news for all of them.
  for (const tenantId of ['one', 'two']) {
    const tenant = new WebhookCaller(api, await api.key({ tenantId, scopes: ['user', 'admin'] }));
    const urls = (tenantId === 'one' ? receivers.slice(0, HANGING / 2) : receivers.slice(HANGING / 2)).map(
      ({ url }) => url,
    );
    await Promise.all(urls.map(async (url) => await tenant.endpoint({ url, timeout_seconds: 60 })));
    for (let count = 0; count < JOBS_EACH; count += 1) await tenant.submit(null);
  }
  await Promise.all(receivers.map(async (receiver) => await receiver.take(1)));
  const good = await startReceiver([200], t);
  for (let count = 1; count <= TOLD; count += 1) {
    await hooks.submit({ url: good.url });
    await good.take(count);
  }
  // Each that hangs holds the few connections of an endpoint that nothing is known about, whatever waits for it.
  assert.ok(receivers.every(({ received }) => received.length <= 2));
});
