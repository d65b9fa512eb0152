import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { generateApiKey, hashApiKey, isWellFormedApiKey } from './api-key.ts';
import { newJobId, parseJobId } from './job-id.ts';
import { isSessionId, newSessionId, parseSessionId } from './session-id.ts';

describe('API keys', () => {
  test('a generated key is well formed, and no two are alike', () => {
    const keys = Array.from({ length: 50 }, generateApiKey);
    assert.ok(keys.every(isWellFormedApiKey));
    assert.equal(new Set(keys).size, keys.length);
  });

  test('a key needs its prefix, 32 characters and nothing but the alphabet', () => {
    assert.equal(isWellFormedApiKey(`kz_${'a'.repeat(32)}`), true);
    const malformed = [
      '',
      'kz_',
      `kz_${'a'.repeat(31)}`,
      `KZ_${'a'.repeat(32)}`,
      `kz_${'a'.repeat(32)}!`,
      `kz_${'a'.repeat(32)}\n`,
    ];
    assert.deepEqual(malformed.filter(isWellFormedApiKey), []);
  });

  test('the stored form is the SHA-256 of the whole key', () => {
    assert.deepEqual(hashApiKey('kz_abc'), createHash('sha256').update('kz_abc').digest());
  });
});

describe('session ids', () => {
  test('every character of the alphabet and every length up to 128 is valid', () => {
    for (const id of ['a', '...', 'A-z_0.9:@', newSessionId(), 'x'.repeat(128)]) assert.equal(parseSessionId(id), id);
  });

  test('dots, separators, blanks, other scripts and long ids are refused', () => {
    for (const text of ['', '.', '..', 'a/b', 'a b', 'é', 'a\n', 'a%2Fb', 'x'.repeat(129)]) {
      assert.equal(isSessionId(text), false);
      assert.throws(() => parseSessionId(text), { code: 'INVALID_SESSION_ID' });
    }
  });
});

describe('job ids', () => {
  test('any letter case, with and without braces, gives the canonical form', () => {
    fc.assert(
      fc.property(fc.uuid(), fc.boolean(), fc.boolean(), (id, isUpper, hasBraces) => {
        const cased = isUpper ? id.toUpperCase() : id;
        assert.equal(parseJobId(hasBraces ? `{${cased}}` : cased), id);
      }),
    );
  });

  test('a new id is a version 4 UUID in canonical form', () => {
    const id = newJobId();
    assert.equal(parseJobId(id), id);
    assert.match(id, /^.{14}4.{4}[89ab]/);
  });

  test('everything else is refused', () => {
    const id = newJobId();
    for (const text of [
      '',
      'nope',
      '{}',
      `{${id}`,
      `${id}}`,
      `{{${id}}}`,
      `${id}\n`,
      ` ${id}`,
      id.replaceAll('-', ''),
    ]) {
      assert.throws(() => parseJobId(text), { code: 'INVALID_JOB_ID' });
    }
  });
});
