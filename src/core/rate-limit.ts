import type { Principal } from './principal.ts';

/** Requests that one subject may send to one route within a minute; null = as many as it likes. */
export interface RateLimits {
  readonly sessionToken: number | null;
  readonly apiKey: number | null;
}

export const RATE_WINDOW_MS = 60_000;

/** Null = requests of that credential are not even counted. */
export const rateLimitOf = (limits: RateLimits, { kind }: Principal): number | null =>
  kind === 'api_key' ? limits.apiKey : limits.sessionToken;

/**
 * Who shares a rate limit (jobs API, section 7): the user within the tenant, else the tenant, else the sessions that the
 * token is limited to, else the token. JSON keeps what clients chose apart: no two subjects give the same text.
 */
export const rateSubjectOf = (principal: Principal): string => {
  const { tenantId, userId, sessionIds, hasTenantClaim, credentialId } = principal;
  if (userId !== null) return JSON.stringify(['user', tenantId, userId]);
  if (hasTenantClaim) return JSON.stringify(['tenant', tenantId]);
  if (sessionIds !== null) return JSON.stringify(['session', tenantId, ...sessionIds.toSorted()]);
  return JSON.stringify(['token', credentialId]);
};
