import { generateApiKey, hashApiKey } from '../core/api-key.ts';
import type { Principal } from '../core/principal.ts';
import type { Scope } from '../core/scope.ts';
import { requireScope, simplifyScopes } from '../core/scope.ts';
import { type ApiKey, createApiKey } from '../storage/api-keys.ts';
import type { ActionContext } from './context.ts';

const HINT_CHARACTERS = 8;

export interface NewApiKey {
  readonly name: string;
  /** Null = the user of the creating key. */
  readonly userId: string | null;
  readonly scopes: readonly Scope[];
  readonly expiresAt: Date | null;
}

/** Makes a key of the principal's tenant. The key itself is in the answer and nowhere else. Needs scope admin. */
export const makeApiKey = async (
  context: ActionContext,
  principal: Principal,
  request: NewApiKey,
): Promise<{ readonly apiKey: ApiKey; readonly secret: string }> => {
  requireScope(principal, 'admin');
  const secret = generateApiKey();
  const owner = { tenantId: principal.tenantId, userId: request.userId ?? principal.userId ?? 'admin' };
  const apiKey = await storeApiKey(context, { ...owner, ...request, userId: owner.userId, secret });
  return { apiKey, secret };
};

/** Makes sure that a key which was chosen elsewhere (the bootstrap key) is accepted. */
export const storeApiKey = async (
  context: Pick<ActionContext, 'db' | 'directory'>,
  key: {
    readonly secret: string;
    readonly tenantId: string;
    readonly userId: string;
    readonly name: string;
    readonly scopes: readonly Scope[];
    readonly expiresAt: Date | null;
  },
): Promise<ApiKey> => {
  await context.directory.ensureOwner(key.tenantId, key.userId);
  return await createApiKey(context.db, {
    tenantId: key.tenantId,
    userId: key.userId,
    name: key.name,
    hash: hashApiKey(key.secret),
    hint: key.secret.slice(0, HINT_CHARACTERS),
    scopes: simplifyScopes(key.scopes),
    expiresAt: key.expiresAt,
  });
};
