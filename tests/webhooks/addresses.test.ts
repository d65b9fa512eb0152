import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startApi } from '../support/api.ts';
import { startReceiver } from '../support/receiver.ts';
import { WebhookCaller } from './webhook-caller.ts';

/** What names mean at the moment; a name that is not here does not resolve. */
const names = new Map<string, string>();
const api = await startApi({
  allowPrivateWebhooks: false,
  resolveHost: async (hostname) => {
    const address = names.get(hostname);
    if (address === undefined)
      throw Object.assign(new Error(`getaddrinfo ENOTFOUND ${hostname}`), { code: 'ENOTFOUND' });
    return await Promise.resolve([{ address, family: address.includes(':') ? 6 : 4 }]);
  },
  webhooks: { waitMs: () => 0 },
});
const hooks = new WebhookCaller(api);

test('a URL with an address that is not public, however it is spelled, is refused at submit', async () => {
  const hosts = [
    ...['127.0.0.1', '127.9.9.9', '10.0.0.1', '172.16.0.1', '192.168.1.1', '169.254.169.254', '100.64.0.1', '0.0.0.0'],
    ...['224.0.0.1', '255.255.255.255', '2130706433', '0x7f.1', '0177.0.0.1', 'localhost', 'a.localhost', 'LOCALHOST.'],
    ...[
      '[::1]',
      '[::]',
      '[fe80::1]',
      '[fd00::1]',
      '[ff02::1]',
      '[::ffff:127.0.0.1]',
      '[::ffff:a00:1]',
      '[::127.0.0.1]',
    ],
    ...['[64:ff9b::7f00:1]', '[2002:7f00:1::]', 'metadata.google.internal'],
  ];
  for (const host of hosts) {
    const answer = await hooks.ask('POST', '/submit', { question: 'x', webhook: { url: `http://${host}/x` } });
    assert.equal(answer.status, 422, host);
    assert.match(String(answer.json['error']), /^Webhook URL not allowed: \S/, host);
    const endpoint = await hooks.ask('POST', '/webhooks/endpoints', { url: `http://${host}/x` });
    assert.equal(endpoint.status, 422, host);
  }
});

test('a name that means such an address is refused, and one that nobody knows yet is not', async () => {
  for (const address of ['127.0.0.1', '10.1.2.3', '::1', '169.254.169.254', 'fd00::1', '::ffff:127.0.0.1']) {
    names.set('trap.example', address);
    const answer = await hooks.ask('POST', '/submit', { question: 'x', webhook: { url: 'https://trap.example/' } });
    assert.equal(answer.status, 422, address);
  }
  const unknown = await hooks.submit({ url: 'https://unknown.example', max_attempts: 2 });
  const delivery = await hooks.settled(`job_id=${unknown}`);
  assert.deepEqual([delivery['attempts'], delivery['last_error']], [2, 'Host not found']);
});

test('a name that means another address by the time of the delivery is refused then, and nothing is sent', async (t) => {
  const receiver = await startReceiver([200], t);
  const { port } = new URL(receiver.url);
  names.set('rebound.example', '93.184.216.34');
  const later = Math.floor(Date.now() / 1_000) + 3_600;
  const webhook = { url: `http://rebound.example:${port}/`, max_attempts: 2 };
  const jobId = await hooks.submit(webhook, { schedule_at: later });
  names.set('rebound.example', '127.0.0.1');
  await hooks.ok('DELETE', `/jobs/${jobId}`);
  const delivery = await hooks.settled(`job_id=${jobId}`);
  assert.equal(delivery['state'], 'failed');
  assert.match(String(delivery['last_error']), /^Webhook URL not allowed: its host has a loopback address/);
  assert.equal(receiver.received.length, 0);
});
