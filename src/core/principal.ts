import { KaziError } from './errors.ts';
import type { Scope } from './scope.ts';

/** The tenant of the bootstrap key, and of session tokens that neither claim a tenant nor are signed with a tenant's own secret. */
export const DEFAULT_TENANT_ID = 'default';

/** What a credential proves. Identity comes from here alone; requests may repeat it (hints) but never set it. */
export interface Principal {
  readonly kind: 'api_key' | 'session_token';
  readonly tenantId: string;
  readonly userId: string | null;
  /** The only sessions that the credential reaches; null means it is not limited to any. Never an empty list. */
  readonly sessionIds: readonly string[] | null;
  readonly scopes: readonly Scope[];
  /** True for a session token without a user, tenant or session claim. */
  readonly isAnonymous: boolean;
  /** True when the credential itself names its tenant: every API key, and a token with the claim `tenant_id`. */
  readonly hasTenantClaim: boolean;
  /** Tells credentials apart in rate limits and logs. Reveals nothing that could be used as a credential. */
  readonly credentialId: string;
}

/** What a request says about its own identity. Null means that it says nothing. */
export interface IdentityHints {
  readonly userId: string | null;
  readonly tenantId: string | null;
}

/** Throws USER_MISMATCH, then TENANT_MISMATCH, for a hint that differs from what the credential proves. */
export const checkIdentityHints = (principal: Principal, hints: IdentityHints): void => {
  if (hints.userId !== null && hints.userId !== principal.userId) throw new KaziError('USER_MISMATCH');
  if (hints.tenantId !== null && hints.tenantId !== principal.tenantId) throw new KaziError('TENANT_MISMATCH');
};

/** Throws SESSION_NOT_AUTHORIZED when a session-bound credential names another session, or none at all (null). */
export const checkSessionScope = (principal: Principal, namedSessionId: string | null): void => {
  if (principal.sessionIds === null) return;
  if (namedSessionId === null || !principal.sessionIds.includes(namedSessionId)) {
    throw new KaziError('SESSION_NOT_AUTHORIZED');
  }
};
