import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isKaziError } from './errors.ts';
import { checkWebhook, openWebhook, storeWebhook } from './webhook.ts';

const ring = { current: Buffer.alloc(32, 7), previous: [] };

const refusalOf = (url: string, headers: Readonly<Record<string, string>> = {}): string | null => {
  try {
    checkWebhook({ url, headers });
    return null;
  } catch (error) {
    return isKaziError(error) ? error.message : String(error);
  }
};

describe('a webhook', () => {
  test('has an http or https URL without user info', () => {
    assert.equal(refusalOf('https://a.example/x?y#z'), null);
    assert.equal(refusalOf('http://a.example:8080'), null);
    assert.match(refusalOf('ftp://a.example') ?? '', /^Webhook URL not allowed: found the scheme "ftp:"/);
    assert.match(refusalOf('javascript:alert(1)') ?? '', /^Webhook URL not allowed: /);
    for (const url of ['https://u@a.example', 'https://u:p@a.example', 'https://:p@a.example']) {
      const refusal = refusalOf(url) ?? '';
      assert.match(refusal, /^Webhook URL not allowed: found a user or password/);
      assert.ok(!refusal.includes(url));
    }
  });

  test('has no header that HTTP or kazi sets, and none that HTTP cannot carry', () => {
    const allowed = { authorization: 'Bearer x', 'X-Custom': 'ü\t', 'Content-Type': 'text/plain', 'x-agentic': '' };
    assert.equal(refusalOf('https://a.example', allowed), null);
    const names = [
      ...['Host', 'CONTENT-LENGTH', 'Transfer-Encoding', 'connection', 'webhook-id', 'Webhook-Anything'],
      ...['X-Agent-Signature', 'x-agent-x', 'Upgrade', 'a b', 'a:', '', 'ü'],
    ];
    for (const name of names) {
      assert.equal(refusalOf('https://a.example', { [name]: 'x' }), `Webhook header not allowed: ${name}`);
    }
    for (const value of ['a\r\nb: c', '\0', '💡']) {
      assert.equal(refusalOf('https://a.example', { 'X-Bad': value }), 'Webhook header not allowed: X-Bad');
    }
  });

  test('is stored normalised, with its credentials sealed for its tenant', () => {
    const headers = { Authorization: 'Bearer canary-1' };
    const request = {
      url: 'HTTPS://A.example:443',
      headers,
      signingSecret: 'canary-2',
      secretRef: '',
      timeoutSeconds: 5,
    };
    const stored = storeWebhook(ring, 'tenant', request);
    assert.deepEqual(
      [stored.url, stored.secret_ref, stored.timeout_seconds, stored.max_attempts],
      ['https://a.example/', null, 5, null],
    );
    assert.doesNotMatch(JSON.stringify(stored), /canary/);
    assert.deepEqual(openWebhook(ring, 'tenant', stored), { headers, signingSecret: 'canary-2' });
    assert.throws(() => openWebhook(ring, 'other', stored));
  });

  test('without credentials seals nothing; an empty secret is none', () => {
    const stored = storeWebhook(ring, 'tenant', { url: 'https://a.example', headers: {}, signingSecret: '' });
    assert.equal(stored.sealed, null);
    assert.deepEqual(openWebhook(ring, 'tenant', stored), { headers: {}, signingSecret: null });
  });

  test('shares its target with those of the same tenant and origin alone', () => {
    const targetOf = (tenantId: string, url: string): string => storeWebhook(ring, tenantId, { url }).target;
    assert.equal(targetOf('t', 'https://a.example/x'), targetOf('t', 'https://A.example:443/y?z'));
    assert.notEqual(targetOf('t', 'https://a.example/x'), targetOf('t', 'http://a.example/x'));
    assert.notEqual(targetOf('t', 'https://a.example/x'), targetOf('u', 'https://a.example/x'));
  });
});
