import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { isKaziError } from './errors.ts';
import { mintSessionToken, type SigningSecret, verifySessionToken } from './session-token.ts';

const NOW = 1_800_000_000_000;
const SECRET = 'a secret of the operator';
const installationWide: readonly SigningSecret[] = [{ secret: SECRET, tenantId: null }];
const times = { issued_at: NOW - 1000, expires_at: NOW + 1000 };

/** A token over arbitrary payload text, as a foreign backend would make it. */
const tokenOf = (payload: unknown, options: { secret?: string; encoding?: 'base64' | 'base64url' } = {}): string => {
  const { secret = SECRET, encoding = 'base64' } = options;
  const bytes = Buffer.from(typeof payload === 'string' ? payload : JSON.stringify(payload), 'utf8');
  return `${bytes.toString(encoding)}.${createHmac('sha256', secret).update(bytes).digest().toString(encoding)}`;
};

const verify = (token: string, secrets = installationWide, nowMs = NOW) =>
  verifySessionToken({ token, secrets, nowMs });

const messageOf = (token: string, secrets = installationWide): string => {
  try {
    verify(token, secrets);
    return 'accepted';
  } catch (error) {
    if (!isKaziError(error)) throw error;
    return error.message;
  }
};

describe('the check order of a session token', () => {
  const signed = (claims: object) => tokenOf({ ...times, ...claims });
  const forged = (claims: object) => tokenOf({ ...times, ...claims }, { secret: 'another secret' });
  const cases: readonly [string, string, string][] = [
    ['one part', 'abc', 'Invalid token format'],
    ['three parts', `${signed({})}.x`, 'Invalid token format'],
    ['an empty payload part', '.abc', 'Invalid token format'],
    ['an empty signature part', 'abc.', 'Invalid token format'],
    ['a payload that is not base64', '!!!.abc', 'Invalid token payload'],
    ['a payload in a mixed alphabet', 'a-b+.abc', 'Invalid token payload'],
    ['a payload that is not JSON', tokenOf('nope'), 'Invalid token payload'],
    ['a payload that is an array', tokenOf([times]), 'Invalid token payload'],
    ['a payload that is null', tokenOf('null'), 'Invalid token payload'],
    ['a byte order mark', tokenOf(`\ufeff${JSON.stringify(times)}`), 'Invalid token payload'],
    ['bytes that are not UTF-8', `${Buffer.from([0x22, 0xff, 0x22]).toString('base64')}.abc`, 'Invalid token payload'],
    ['an unknown claim', signed({ role: 'admin' }), 'Invalid token payload'],
    ['a claim that no index could hold', signed({ user_id: 'u'.repeat(257) }), 'Invalid token payload'],
    [
      'a prototype claim',
      tokenOf(`{"issued_at":${NOW},"expires_at":${NOW},"__proto__":{"a":1}}`),
      'Invalid token payload',
    ],
    ['a numeric user', signed({ user_id: 7 }), 'Invalid token payload'],
    ['a null user', signed({ user_id: null }), 'Invalid token payload'],
    ['a blank user', signed({ user_id: '  ' }), 'Invalid token payload'],
    ['a user with a NUL', signed({ user_id: 'a\0b' }), 'Invalid token payload'],
    ['a textual time', signed({ issued_at: String(NOW) }), 'Invalid token payload'],
    ['an infinite time', tokenOf(`{"issued_at":0,"expires_at":1e999}`), 'Invalid token payload'],
    ['a missing time', tokenOf({ issued_at: NOW }), 'Invalid token payload'],
    ['a list with a blank session', signed({ session_ids: ['a', ' '] }), 'Invalid token payload'],
    ['issued 60 s ahead', signed({ issued_at: NOW + 60_000, expires_at: NOW + 90_000 }), 'accepted'],
    ['issued just over 60 s ahead', signed({ issued_at: NOW + 60_001 }), 'Token issued in the future'],
    ['expired 60 s ago', signed({ issued_at: NOW - 90_000, expires_at: NOW - 60_000 }), 'accepted'],
    ['expired just over 60 s ago', signed({ issued_at: NOW - 90_000, expires_at: NOW - 60_000.5 }), 'Token expired'],
    ['expiry before issue', signed({ issued_at: NOW + 10, expires_at: NOW }), 'Invalid token timestamps'],
    [
      'forged and issued in the future',
      forged({ issued_at: NOW + 99_000, expires_at: 0 }),
      'Token issued in the future',
    ],
    ['forged and expired', forged({ expires_at: NOW - 99_000 }), 'Token expired'],
    ['forged with crossed times', forged({ issued_at: NOW + 10, expires_at: NOW }), 'Invalid token timestamps'],
    ['forged', forged({}), 'Invalid token signature'],
    ['a signature that is not base64', `${signed({}).split('.')[0]}.***`, 'Invalid token signature'],
  ];
  for (const [name, token, expected] of cases) {
    test(`${name}: ${expected}`, () => assert.equal(messageOf(token), expected));
  }

  test('without any usable secret the operator is told, whatever the token', () => {
    assert.throws(() => verify('abc', []), { code: 'SIGNING_SECRET_MISSING', status: 500 });
    assert.throws(() => verify(tokenOf(times), [{ secret: ' \n', tenantId: null }]), {
      code: 'SIGNING_SECRET_MISSING',
    });
  });
});

describe('the alphabet', () => {
  test('each part alone may be standard or URL-safe, padded or not', () => {
    const pad = (text: string) => text.padEnd(Math.ceil(text.length / 4) * 4, '=');
    fc.assert(
      fc.property(
        fc.string({ minLength: 1, unit: 'grapheme' }),
        fc.array(fc.nat(3), { minLength: 2, maxLength: 2 }),
        (text, forms) => {
          const user = `u${text.replaceAll('\0', '')}u`;
          const spell = (part: string | undefined, form: number | undefined): string => {
            const bytes = Buffer.from(part ?? '', 'base64');
            const body =
              form === 0 || form === 1 ? bytes.toString('base64').replace(/=+$/, '') : bytes.toString('base64url');
            return form === 0 || form === 2 ? pad(body) : body;
          };
          const [payload, signature] = tokenOf({ ...times, user_id: user }).split('.');
          assert.equal(verify(`${spell(payload, forms[0])}.${spell(signature, forms[1])}`).userId, user);
        },
      ),
    );
  });

  test('every spelling of one token is one credential for rate limits', () => {
    const claims = { ...times, user_id: '>>>???' };
    const [standard, urlSafe] = [tokenOf(claims), tokenOf(claims, { encoding: 'base64url' })];
    assert.notEqual(standard, urlSafe);
    assert.equal(verify(standard).credentialId, verify(urlSafe).credentialId);
  });
});

describe('what a token proves', () => {
  test('claims are trimmed, and a token is never an administrator', () => {
    const principal = verify(tokenOf({ ...times, user_id: ' ann ', tenant_id: 'acme\n' }));
    assert.deepEqual([principal.userId, principal.tenantId, principal.scopes], ['ann', 'acme', ['user']]);
    assert.equal(principal.hasTenantClaim, true);
  });

  test('a non-empty session_ids wins over session_id', () => {
    assert.deepEqual(verify(tokenOf({ ...times, session_id: 'a', session_ids: ['b', 'c'] })).sessionIds, ['b', 'c']);
  });

  test('a single session_id scopes the token, also beside an empty list', () => {
    assert.deepEqual(verify(tokenOf({ ...times, session_id: 'a' })).sessionIds, ['a']);
    assert.deepEqual(verify(tokenOf({ ...times, session_id: 'a', session_ids: [] })).sessionIds, ['a']);
  });

  test('an empty list alone is unscoped, and such a token without other claims is anonymous', () => {
    const principal = verify(tokenOf({ ...times, session_ids: [] }));
    assert.deepEqual([principal.sessionIds, principal.isAnonymous, principal.tenantId], [null, true, 'default']);
  });

  test('any one of the user, tenant and session claims ends anonymity', () => {
    for (const claims of [{ user_id: 'u' }, { tenant_id: 't' }, { session_id: 's' }, { session_ids: ['s'] }]) {
      assert.equal(verify(tokenOf({ ...times, ...claims })).isAnonymous, false);
    }
  });
});

describe('several active secrets', () => {
  const rotated: readonly SigningSecret[] = [
    { secret: 'new', tenantId: null },
    { secret: ' old ', tenantId: null },
    { secret: 'of acme', tenantId: 'acme' },
  ];

  test('a token signed with any of them is accepted, secrets being trimmed', () => {
    for (const secret of ['new', 'old']) assert.equal(messageOf(tokenOf(times, { secret }), rotated), 'accepted');
  });

  test('a tenant-bound secret supplies the tenant when the claim is missing', () => {
    const principal = verify(tokenOf(times, { secret: 'of acme' }), rotated);
    assert.deepEqual([principal.tenantId, principal.hasTenantClaim], ['acme', false]);
  });

  test('a tenant-bound secret cannot speak for another tenant', () => {
    const token = tokenOf({ ...times, tenant_id: 'evil' }, { secret: 'of acme' });
    assert.throws(() => verify(token, rotated), { code: 'TENANT_MISMATCH' });
  });

  test('an installation-wide secret speaks for the tenant that the token claims', () => {
    assert.equal(verify(tokenOf({ ...times, tenant_id: 'acme' }, { secret: 'new' }), rotated).tenantId, 'acme');
  });

  test('one text shared by two tenants speaks for exactly those two', () => {
    const shared = ['acme', 'beta'].map((tenantId) => ({ secret: 'shared', tenantId }));
    const claiming = (tenant_id: string) => tokenOf({ ...times, tenant_id }, { secret: 'shared' });
    assert.equal(verify(claiming('beta'), shared).tenantId, 'beta');
    assert.throws(() => verify(claiming('evil'), shared), { code: 'TENANT_MISMATCH' });
  });
});

describe('minting', () => {
  const identifier = fc.string({ minLength: 1 }).map((text) => `i${text.replaceAll('\0', '')}i`);

  test('a minted token verifies to the claims it was minted with', () => {
    fc.assert(
      fc.property(
        fc.option(identifier),
        fc.option(identifier),
        fc.option(fc.array(identifier)),
        (userId, tenantId, sessionIds) => {
          const token = mintSessionToken({
            secret: SECRET,
            issuedAtMs: NOW,
            expiresAtMs: NOW,
            userId,
            tenantId,
            sessionIds,
          });
          const principal = verify(token);
          assert.equal(principal.userId, userId);
          assert.equal(principal.tenantId, tenantId ?? 'default');
          assert.deepEqual(principal.sessionIds, sessionIds?.length ? sessionIds : null);
          assert.equal(encodeURIComponent(token), token);
        },
      ),
    );
  });

  test('changing any character of a token for one of another meaning makes it fail', () => {
    const token = mintSessionToken({ secret: SECRET, issuedAtMs: NOW, expiresAtMs: NOW, userId: 'ann' });
    // '-' and '+', '_' and '/' are two spellings of one value: both alphabets are accepted.
    const meaning = (mark: string) => mark.replace('+', '-').replace('/', '_');
    fc.assert(
      fc.property(fc.nat(token.length - 1), fc.constantFrom(...Array.from('AZaz09-_.+/= ')), (index, mark) => {
        fc.pre(meaning(token[index] ?? '') !== meaning(mark));
        assert.notEqual(messageOf(token.slice(0, index) + mark + token.slice(index + 1)), 'accepted');
      }),
    );
  });

  test('no text at all is ever accepted without the secret, and nothing but a KaziError is thrown', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => assert.notEqual(messageOf(text), 'accepted')));
  });
});
