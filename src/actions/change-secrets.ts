import { KaziError } from '../core/errors.ts';
import type { Principal } from '../core/principal.ts';
import { requireScope } from '../core/scope.ts';
import { sealText } from '../core/sealed-text.ts';
import { isSecretName } from '../core/secret-name.ts';
import { deleteSecret, type SecretEntry, setSecret } from '../storage/secrets.ts';
import type { ActionContext } from './context.ts';

/** A value on its way into the vault, out of which no surface ever gives it. */
export interface NewSecret {
  readonly name: string;
  readonly value: string;
  /** How long the value before counts beside this one. */
  readonly keepPreviousMs: number;
}

/** Sets a secret of the tenant. Throws INVALID_REQUEST for a name that none can have. Needs scope admin. */
export const storeSecret = async (
  context: ActionContext,
  principal: Principal,
  { name, value, keepPreviousMs }: NewSecret,
): Promise<SecretEntry> => {
  requireScope(principal, 'admin');
  if (!isSecretName(name)) {
    const message = `Invalid secret name: found "${name.slice(0, 80)}", expected 1 to 128 of A-Z, a-z, 0-9, ".", "_" and "-".`;
    throw new KaziError('INVALID_REQUEST', { message });
  }
  const { tenantId } = principal;
  await context.directory.ensureOwner(tenantId, null);
  const sealed = sealText(context.keyring, value, tenantId);
  const entry = await setSecret(context.db, { tenantId, name }, { sealed, keepPreviousMs });
  context.log.info({ tenant: tenantId, secret: name }, 'secret set');
  return entry;
};

/** Deletes a secret of the tenant for good. Throws SECRET_NOT_FOUND. Needs scope admin. */
export const removeSecret = async (context: ActionContext, principal: Principal, name: string): Promise<void> => {
  requireScope(principal, 'admin');
  const { tenantId } = principal;
  if (!(await deleteSecret(context.db, { tenantId, name }))) throw new KaziError('SECRET_NOT_FOUND');
  context.log.info({ tenant: tenantId, secret: name }, 'secret deleted');
};
