import type { Logger } from 'pino';
import { resealVault } from './actions/reseal-vault.ts';
import type { Config } from './config.ts';
import { startEmbeddedPostgres } from './postgres/embedded-postgres.ts';
import { forgetPreviousKeys, loadOrCreateSecrets, rotateKeptKey } from './secrets/installation-secrets.ts';
import { Database } from './storage/database.ts';
import { migrate } from './storage/migrate.ts';

export interface KeyRotation {
  /** Values that were sealed again. */
  readonly resealed: number;
  /** True when a new key was made in the data folder; false when the key is configured, and so for the operator to change. */
  readonly isNewKey: boolean;
}

/**
 * Gives the vault a new key where it is kept in the data folder, and seals every stored value with the current key. Safe to
 * repeat after a crash. Throws DATA_DIR_IN_USE while a server runs on the embedded database, and SECRET_UNREADABLE.
 */
export const rotateVaultKey = async (config: Config, log: Logger): Promise<KeyRotation> => {
  const isNewKey = config.secretsKey === null;
  await using undo = new AsyncDisposableStack();
  const url = config.databaseUrl ?? (await startDatabase(config, log, undo));
  await migrate({ databaseUrl: url, log });
  const db = new Database({ url, maxConnections: 1, log });
  undo.defer(async () => await db.end());
  const keyring = isNewKey
    ? await rotateKeptKey(config.dataDir)
    : (await loadOrCreateSecrets(config.dataDir, config)).keyring;
  const resealed = await resealVault(db, keyring);
  if (isNewKey) await forgetPreviousKeys(config.dataDir);
  return { resealed, isNewKey };
};

const startDatabase = async ({ dataDir }: Config, log: Logger, undo: AsyncDisposableStack): Promise<string> => {
  const postgres = await startEmbeddedPostgres({ dataDir, log });
  undo.defer(async () => await postgres.stop());
  return postgres.url;
};
