import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertError, Caller, type Target } from './target.ts';

/** Conformance checks 37, 38, and those of 40 and 41 that need no receiver. */
export const defineWebhookChecks = (target: Target): void => {
  const caller = new Caller(target);
  const NONE = { url: null, token: null };
  const webhook = async (id: string, method = 'GET', body?: unknown, path = '') =>
    await caller.send({
      method,
      path: `/api/workers/${id}/webhook${path}`,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      headers: { 'content-type': 'application/json' },
    });

  test('37. none is both null; the token stays until the URL is cleared', async () => {
    const { id } = await caller.create({ input: 'true' });
    assert.deepEqual((await webhook(id)).json, NONE);
    for (const clear of [{ method: 'PUT', body: { url: null } }, { method: 'DELETE' }]) {
      const first = await webhook(id, 'PUT', { url: 'https://1.1.1.1/a' });
      assert.equal(first.json['url'], 'https://1.1.1.1/a', first.text);
      assert.match(String(first.json['token']), /^whk_[A-Za-z0-9]{32}$/);
      const second = await webhook(id, 'PUT', { url: 'https://1.1.1.1/b' });
      assert.deepEqual(second.json, { url: 'https://1.1.1.1/b', token: first.json['token'] });
      assert.deepEqual((await webhook(id)).json, second.json);
      assert.deepEqual((await webhook(id, clear.method, clear.body)).json, NONE);
      assert.deepEqual((await webhook(id)).json, NONE);
    }
  });

  test('38. http: and a missing url are 400, a private address 422', async (t) => {
    const { id } = await caller.create({ input: 'true' });
    const bad = [
      { url: 'http://1.1.1.1/' },
      {},
      { url: 5 },
      { url: 'nope' },
      { url: `https://1.1.1.1/${'x'.repeat(2_048)}` },
    ];
    for (const body of bad) assertError(await webhook(id, 'PUT', body), 400, 'invalid_request');
    const refused = await webhook(id, 'PUT', { url: 'https://127.0.0.1/' });
    if (refused.status === 200) return t.skip('the server allows private webhooks');
    assertError(refused, 422, 'url_not_allowed');
    assert.match(String(refused.json['message']), /^Webhook URL not allowed: /);
    assert.deepEqual((await webhook(id)).json, NONE);
  });

  test('40. regenerate-token needs a webhook, and gives another token for the same URL', async () => {
    const { id } = await caller.create({ input: 'true' });
    assertError(
      await webhook(id, 'POST', undefined, '/regenerate-token'),
      400,
      'invalid_request',
      'No webhook is configured',
    );
    const first = await webhook(id, 'PUT', { url: 'https://1.1.1.1/' });
    const renewed = await webhook(id, 'POST', undefined, '/regenerate-token');
    assert.equal(renewed.json['url'], first.json['url']);
    assert.notEqual(renewed.json['token'], first.json['token']);
    assert.match(String(renewed.json['token']), /^whk_[A-Za-z0-9]{32}$/);
    await webhook(id, 'DELETE');
  });

  test('41. without executions the list is empty; a page is an integer of at least 1', async () => {
    const { id } = await caller.create({ input: 'true' });
    const empty = { logs: [], pageCount: 0, totalCount: 0 };
    assert.deepEqual((await webhook(id, 'GET', undefined, '/executions')).json, { ...empty, page: 1 });
    assert.deepEqual((await webhook(id, 'GET', undefined, '/executions?page=9')).json, { ...empty, page: 9 });
    for (const page of ['0', '-1', '1.5', 'x', '']) {
      assertError(await webhook(id, 'GET', undefined, `/executions?page=${page}`), 400, 'invalid_request');
    }
  });
};
