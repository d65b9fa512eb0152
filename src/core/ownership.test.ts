import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isKaziError } from './errors.ts';
import { checkOwnership, isReadableBy, type OwnedRecord, type OwnershipQuestion } from './ownership.ts';
import type { Principal } from './principal.ts';

const principalWith = (part: Partial<Principal>): Principal => ({
  kind: 'session_token',
  tenantId: 'acme',
  userId: null,
  sessionIds: null,
  scopes: ['user'],
  isAnonymous: false,
  hasTenantClaim: true,
  credentialId: 'token:1',
  ...part,
});

const ann = principalWith({ userId: 'ann' });
const wholeTenant = principalWith({});
const scoped = principalWith({ sessionIds: ['s1'], tenantId: 'default', hasTenantClaim: false });
const anonymous = principalWith({ tenantId: 'default', hasTenantClaim: false, isAnonymous: true });

const record = (part: Partial<OwnedRecord> = {}): OwnedRecord => ({
  sessionId: 's1',
  userId: 'ann',
  tenantId: 'acme',
  ...part,
});

/** The error string, or null when access is granted; `isReadableBy` must agree with it. */
const decide = (question: OwnershipQuestion): string | null => {
  try {
    checkOwnership(question);
    assert.equal(isReadableBy(question), true);
    return null;
  } catch (error) {
    if (!isKaziError(error)) throw error;
    assert.equal(isReadableBy(question), false);
    return `${error.status} ${error.message}`;
  }
};

const X = { Job: 'Job status response', Session: 'Session record' };

for (const kind of ['Job', 'Session'] as const) {
  const missing = (owner: string) => `502 ${X[kind]} missing ${owner} for ownership enforcement`;
  const cases: readonly [string, Principal, OwnedRecord, string | null][] = [
    ['the owner reads it', ann, record(), null],
    ['a record without a user cannot be confirmed for a user', ann, record({ userId: null }), missing('user_id')],
    ['another user is refused', principalWith({ userId: 'bob' }), record(), `403 ${kind} user mismatch`],
    ['a record without a tenant cannot be confirmed', ann, record({ tenantId: null }), missing('tenant_id')],
    ['another tenant is refused', ann, record({ tenantId: 'evil' }), `403 ${kind} tenant mismatch`],
    [
      'a missing user is reported before a missing tenant',
      ann,
      record({ userId: null, tenantId: null }),
      missing('user_id'),
    ],
    [
      'the user is checked before the tenant',
      ann,
      record({ userId: 'bob', tenantId: 'evil' }),
      `403 ${kind} user mismatch`,
    ],
    ['a whole-tenant token reads a record of any user', wholeTenant, record(), null],
    ['a whole-tenant token reads a record without a user', wholeTenant, record({ userId: null }), null],
    [
      'a whole-tenant token stays in its tenant',
      wholeTenant,
      record({ tenantId: 'evil' }),
      `403 ${kind} tenant mismatch`,
    ],
    ['a session-scoped token skips the user', scoped, record({ tenantId: 'default' }), null],
    ['a session-scoped token stays in its tenant', scoped, record(), `403 ${kind} tenant mismatch`],
    [
      'an anonymous token is refused a record with a user',
      anonymous,
      record({ tenantId: 'default' }),
      `403 ${kind} user mismatch`,
    ],
    [
      'an anonymous token reads a record without a user',
      anonymous,
      record({ userId: null, tenantId: 'default' }),
      null,
    ],
    ['an anonymous token stays in its tenant', anonymous, record({ userId: null }), `403 ${kind} tenant mismatch`],
  ];
  describe(`ownership of a ${kind}`, () => {
    for (const [name, principal, owned, expected] of cases) {
      test(name, () => assert.equal(decide({ principal, kind, record: owned, namedSessionId: null }), expected));
    }
  });
}

describe('record validity and the named session', () => {
  const broken = record({ sessionId: null, userId: 'bob', tenantId: null });

  test('a job record without a session is invalid before anything else', () => {
    const answer = decide({ principal: ann, kind: 'Job', record: broken, namedSessionId: 's2' });
    assert.equal(answer, '502 Invalid job status response from Modal backend');
  });

  test('a session record without its id is invalid before anything else', () => {
    const answer = decide({ principal: ann, kind: 'Session', record: broken, namedSessionId: null });
    assert.equal(answer, '502 Invalid session record');
  });

  test('a job of another session is refused before its user is looked at', () => {
    const foreign = record({ userId: 'bob', tenantId: 'evil' });
    const answer = decide({ principal: ann, kind: 'Job', record: foreign, namedSessionId: 's2' });
    assert.equal(answer, '403 Job session mismatch');
  });

  test('a job of the named session passes', () => {
    assert.equal(decide({ principal: ann, kind: 'Job', record: record(), namedSessionId: 's1' }), null);
  });
});
