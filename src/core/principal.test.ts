import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { checkIdentityHints, checkSessionScope, type Principal } from './principal.ts';

const principal: Principal = {
  kind: 'session_token',
  tenantId: 'acme',
  userId: 'ann',
  sessionIds: null,
  scopes: ['user'],
  isAnonymous: false,
  hasTenantClaim: true,
  credentialId: 'token:1',
};

describe('identity hints', () => {
  const cases = [
    { name: 'absent hints pass', userId: null, tenantId: null, code: null },
    { name: 'equal hints pass', userId: 'ann', tenantId: 'acme', code: null },
    { name: 'another user is refused', userId: 'bob', tenantId: null, code: 'USER_MISMATCH' },
    { name: 'another tenant is refused', userId: 'ann', tenantId: 'evil', code: 'TENANT_MISMATCH' },
    { name: 'the user is checked before the tenant', userId: 'bob', tenantId: 'evil', code: 'USER_MISMATCH' },
    { name: 'an empty hint is a hint', userId: '', tenantId: null, code: 'USER_MISMATCH' },
  ];
  for (const { name, userId, tenantId, code } of cases) {
    test(name, () => {
      const check = () => checkIdentityHints(principal, { userId, tenantId });
      if (code === null) assert.doesNotThrow(check);
      else assert.throws(check, { code });
    });
  }

  test('a user hint beside a credential without a user is a mismatch', () => {
    const userless = { ...principal, userId: null };
    assert.throws(() => checkIdentityHints(userless, { userId: 'ann', tenantId: null }), { code: 'USER_MISMATCH' });
  });
});

describe('session scope', () => {
  const scoped = { ...principal, sessionIds: ['s1', 's2'] };

  test('an unscoped credential may name any session, or none', () => {
    assert.doesNotThrow(() => checkSessionScope(principal, 's9'));
    assert.doesNotThrow(() => checkSessionScope(principal, null));
  });

  test('a scoped credential may name each of its sessions', () => {
    for (const sessionId of scoped.sessionIds) assert.doesNotThrow(() => checkSessionScope(scoped, sessionId));
  });

  test('a scoped credential is refused without a session, with another one, and with another letter case', () => {
    for (const named of [null, 's3', 'S1', '']) {
      assert.throws(() => checkSessionScope(scoped, named), { code: 'SESSION_NOT_AUTHORIZED' });
    }
  });
});
