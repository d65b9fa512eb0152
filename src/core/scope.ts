import { KaziError } from './errors.ts';
import type { Principal, Scope } from './principal.ts';

/** Throws SCOPE_REQUIRED when the credential lacks the scope. */
export const requireScope = (principal: Principal, scope: Scope): void => {
  if (principal.scopes.includes(scope)) return;
  throw new KaziError('SCOPE_REQUIRED', { scope: scope[0]?.toUpperCase() + scope.slice(1) });
};
