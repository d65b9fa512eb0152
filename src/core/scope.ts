import { KaziError } from './errors.ts';

/**
 * What a credential may do. `read`: look at what its owner has; `submit`: create and change work; `user`: both, which is
 * what every session token has; `admin` adds only the routes that name it.
 */
export const SCOPES = ['user', 'admin', 'submit', 'read'] as const;
export type Scope = (typeof SCOPES)[number];

/** What a route may ask for; `user` is only short for the first two. */
export type NeededScope = 'read' | 'submit' | 'admin';

/** Throws SCOPE_REQUIRED when the credential lacks the scope. */
export const requireScope = ({ scopes }: { readonly scopes: readonly Scope[] }, needed: NeededScope): void => {
  if (scopes.includes(needed)) return;
  if (needed !== 'admin' && scopes.includes('user')) return;
  throw new KaziError('SCOPE_REQUIRED', { scope: `${needed.charAt(0).toUpperCase()}${needed.slice(1)}` });
};

/** The shortest list that says the same. An admin may do all that a user may. */
export const simplifyScopes = (scopes: readonly Scope[]): readonly Scope[] => {
  if (scopes.includes('admin')) return ['user', 'admin'];
  const isUser = scopes.includes('user') || (scopes.includes('read') && scopes.includes('submit'));
  return isUser ? ['user'] : [...new Set(scopes)];
};
