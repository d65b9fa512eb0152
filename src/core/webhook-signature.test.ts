import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { describe, test } from 'node:test';
import { Webhook } from 'standardwebhooks';
import { signatureHeaders } from './webhook-signature.ts';

const body = '{"event":"job.complete","job":{"question":"\\u00fc"}}';
const message = () => ({ id: 'msg_01ARZ3NDEKTSV4RRFFQ69G5FAV', timestamp: Math.floor(Date.now() / 1_000), body });
const whsec = `whsec_${Buffer.from('a key of thirty-two bytes at all').toString('base64')}`;

describe('the signature headers', () => {
  test('are accepted by the library of Standard Webhooks, for both kinds of secret', () => {
    const prefixed = { ...signatureHeaders(message(), [whsec]) };
    assert.deepEqual(new Webhook(whsec).verify(body, prefixed), JSON.parse(body));
    const plain = { ...signatureHeaders(message(), ['plain secret ü']) };
    new Webhook(Buffer.from('plain secret ü', 'utf8'), { format: 'raw' }).verify(body, plain);
    assert.throws(() => new Webhook(whsec).verify(`${body} `, prefixed));
  });

  test('hold one signature for each secret, so that both receivers accept while one rotates', () => {
    const headers = { ...signatureHeaders(message(), [whsec, 'old']) };
    new Webhook(whsec).verify(body, headers);
    new Webhook(Buffer.from('old'), { format: 'raw' }).verify(body, headers);
    assert.throws(() => new Webhook(Buffer.from('other'), { format: 'raw' }).verify(body, headers));
    assert.match(headers['X-Agent-Signature'] ?? '', /^t=\d+,v1=[0-9a-f]{64},v1=[0-9a-f]{64}$/);
  });

  test('sign the second and the body with the bytes of the secret in X-Agent-Signature', () => {
    const { id, timestamp } = message();
    const headers = signatureHeaders({ id, timestamp, body }, [whsec]);
    const hex = createHmac('sha256', whsec).update(`${timestamp}.${body}`).digest('hex');
    assert.equal(headers['X-Agent-Signature'], `t=${timestamp},v1=${hex}`);
    assert.equal(headers['X-Agent-Timestamp'], String(timestamp));
    assert.equal(headers['webhook-timestamp'], String(timestamp));
  });

  test('identify, but do not sign, without a secret; a bare prefix is a secret like any text', () => {
    assert.deepEqual(Object.keys(signatureHeaders(message(), [])), ['webhook-id', 'webhook-timestamp']);
    const headers = { ...signatureHeaders(message(), ['whsec_']) };
    new Webhook(Buffer.from('whsec_'), { format: 'raw' }).verify(body, headers);
  });
});
