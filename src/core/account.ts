/**
 * Whose spending is counted and limited. `session_default`: the limits of a tenant's sessions that have none of their own.
 * Clients know the tenant and the default by their kind alone.
 */
export const ACCOUNT_KINDS = ['tenant', 'session_default', 'session', 'api_key'] as const;

export type AccountKind = (typeof ACCOUNT_KINDS)[number];

/** A count of requests or micro-dollars, or no limit at all, which an operator's default does not narrow. */
export type LimitValue = number | 'unlimited';
