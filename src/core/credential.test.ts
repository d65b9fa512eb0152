import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { readCredential } from './credential.ts';

describe('reading a credential', () => {
  test('the scheme may be in any letter case', () => {
    for (const scheme of ['Bearer', 'bearer', 'BEARER']) {
      const credential = readCredential({ authorization: `${scheme} a.b`, queryToken: null });
      assert.deepEqual(credential, { kind: 'session_token', value: 'a.b' });
    }
  });

  test('the header wins over the query form, also when the header is invalid', () => {
    assert.equal(readCredential({ authorization: 'Bearer a.b', queryToken: 'c.d' }).value, 'a.b');
    assert.throws(() => readCredential({ authorization: 'Basic x', queryToken: 'c.d' }), {
      code: 'INVALID_AUTHORIZATION',
    });
  });

  test('a header that is not Bearer with a value is invalid', () => {
    for (const authorization of ['', 'Bearer', 'Bearer ', 'Basic x', 'Bearerx', 'Bearer a b']) {
      assert.throws(() => readCredential({ authorization, queryToken: null }), { code: 'INVALID_AUTHORIZATION' });
    }
  });

  test('no credential at all is reported as missing', () => {
    for (const queryToken of [null, '']) {
      assert.throws(() => readCredential({ authorization: undefined, queryToken }), { code: 'MISSING_CREDENTIAL' });
    }
  });

  test('a space in the query form is read as the plus sign that it was', () => {
    assert.equal(readCredential({ authorization: undefined, queryToken: 'a b.c' }).value, 'a+b.c');
  });

  test('the prefix alone makes a credential an API key', () => {
    assert.equal(readCredential({ authorization: 'Bearer kz_short', queryToken: null }).kind, 'api_key');
    assert.equal(readCredential({ authorization: 'Bearer KZ_x.y', queryToken: null }).kind, 'session_token');
  });
});
