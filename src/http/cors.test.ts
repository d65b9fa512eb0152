import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allowedHeaders } from './cors.ts';

const OURS = 'Content-Type, Authorization, Idempotency-Key, Last-Event-ID';

test('a preflight is allowed what it asks for beside our own headers', () => {
  assert.equal(allowedHeaders(undefined), OURS);
  assert.equal(allowedHeaders('authorization, X-One,x-two'), `${OURS}, X-One, x-two`);
});

test('what is no header name is left out', () => {
  assert.equal(allowedHeaders('a b, é, , "x"'), OURS);
});
