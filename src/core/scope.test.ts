import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isKaziError } from './errors.ts';
import { DEFAULT_TENANT_ID, type Principal } from './principal.ts';
import { type NeededScope, requireScope, type Scope, simplifyScopes } from './scope.ts';

const withScopes = (scopes: readonly Scope[]): Principal => ({
  kind: 'api_key',
  tenantId: DEFAULT_TENANT_ID,
  userId: 'u',
  sessionIds: null,
  scopes,
  isAnonymous: false,
  hasTenantClaim: true,
  credentialId: 'c',
});

describe('scopes', () => {
  const allowed: readonly (readonly [readonly Scope[], readonly NeededScope[]])[] = [
    [['user'], ['read', 'submit']],
    [['read'], ['read']],
    [['submit'], ['submit']],
    [
      ['user', 'admin'],
      ['read', 'submit', 'admin'],
    ],
    [[], []],
  ];
  for (const [scopes, may] of allowed) {
    test(`${scopes.join(' and ') || 'none'} may ${may.join(', ') || 'nothing'}`, () => {
      for (const needed of ['read', 'submit', 'admin'] as const) {
        const ask = (): void => requireScope(withScopes(scopes), needed);
        if (may.includes(needed)) assert.doesNotThrow(ask);
        else assert.throws(ask, (error) => isKaziError(error, 'SCOPE_REQUIRED'));
      }
    });
  }

  test('the refusal names the scope', () => {
    assert.throws(() => requireScope(withScopes(['read']), 'submit'), { message: 'Submit scope required' });
    assert.throws(() => requireScope(withScopes(['user']), 'admin'), { message: 'Admin scope required' });
  });

  test('are kept in their shortest form', () => {
    assert.deepEqual(simplifyScopes(['admin']), ['user', 'admin']);
    assert.deepEqual(simplifyScopes(['submit', 'read']), ['user']);
    assert.deepEqual(simplifyScopes(['user', 'read']), ['user']);
    assert.deepEqual(simplifyScopes(['read', 'read']), ['read']);
    assert.deepEqual(simplifyScopes(['submit']), ['submit']);
  });
});
