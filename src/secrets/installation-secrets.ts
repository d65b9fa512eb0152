import { randomBytes, randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { link, mkdir, open, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { generateApiKey } from '../core/api-key.ts';
import { KaziError } from '../core/errors.ts';
import type { Keyring } from '../core/sealed-text.ts';
import { type SettingKind, settingKinds } from '../core/setting-kinds.ts';

/** The values that the operator set; null leaves the choice to the data folder. */
export interface ConfiguredSecrets {
  readonly apiKey: string | null;
  readonly sessionSigningSecret: string | null;
  readonly secretsKey: string | null;
  /** Keys that the vault's key had before, joined with commas. */
  readonly previousSecretsKeys?: string | null;
}

/** The secrets that an installation cannot run without. */
export interface InstallationSecrets {
  readonly apiKey: string;
  /** The file that this very call created for the key, which is therefore to be announced once; else null. */
  readonly newApiKeyPath: string | null;
  readonly sessionSigningSecret: string;
  /** The keys of the vault. */
  readonly keyring: Keyring;
}

interface SecretFile {
  readonly path: string;
  readonly kind: SettingKind<string>;
  readonly generate: () => string;
}

/**
 * The configured secrets, completed by those kept in `<dataDir>/secrets`, which are generated when they are missing.
 * Several processes may call this at once on one folder: all get the same values. Throws INVALID_CONFIG for a damaged file.
 */
export const loadOrCreateSecrets = async (
  dataDir: string,
  configured: ConfiguredSecrets,
): Promise<InstallationSecrets> => {
  const folder = join(dataDir, 'secrets');
  // The data folder itself stays open to others: the embedded database may run as another user.
  await mkdir(dataDir, { recursive: true });
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const apiKeyFile = { path: join(folder, 'api-key'), kind: settingKinds.apiKey, generate: generateApiKey };
  const apiKey = await settle(configured.apiKey, apiKeyFile);
  const signing = await settle(configured.sessionSigningSecret, {
    path: join(folder, 'session-signing-secret'),
    kind: settingKinds.text,
    generate: () => randomBytes(32).toString('base64url'),
  });
  const encryption = await settle(configured.secretsKey, keyFile(folder));
  const previous =
    configured.previousSecretsKeys ?? (configured.secretsKey === null ? await readSecret(previousFile(folder)) : null);
  return Object.freeze({
    apiKey: apiKey.value,
    newApiKeyPath: apiKey.isNew ? apiKeyFile.path : null,
    sessionSigningSecret: signing.value,
    keyring: { current: Buffer.from(encryption.value, 'base64'), previous: toKeys(previous) },
  });
};

/**
 * Puts a new vault key into the data folder; the old one stays beside it, to open what it sealed. A crash at any moment
 * leaves a folder with which everything opens. Run it while no server uses the folder.
 */
export const rotateKeptKey = async (dataDir: string): Promise<Keyring> => {
  const folder = join(dataDir, 'secrets');
  const { keyring } = await loadOrCreateSecrets(dataDir, {
    apiKey: null,
    sessionSigningSecret: null,
    secretsKey: null,
  });
  const previous = [keyring.current, ...keyring.previous];
  const text = previous.map((key) => key.toString('base64')).join(',');
  await replaceSecret(previousFile(folder), text);
  const key = keyFile(folder).generate();
  await replaceSecret(keyFile(folder), key);
  return { current: Buffer.from(key, 'base64'), previous };
};

/** Forgets the keys before the current one: nothing that is stored needs them any more. */
export const forgetPreviousKeys = async (dataDir: string): Promise<void> => {
  await unlink(previousFile(join(dataDir, 'secrets')).path).catch(ignoreCode('ENOENT'));
};

const keyFile = (folder: string): SecretFile => ({
  path: join(folder, 'secrets-key'),
  kind: settingKinds.encryptionKey,
  generate: () => randomBytes(32).toString('base64'),
});

/** Only there while a rotation is under way. */
const previousFile = (folder: string): Omit<SecretFile, 'generate'> => ({
  path: join(folder, 'previous-secrets-keys'),
  kind: settingKinds.encryptionKeys,
});

const toKeys = (text: string | null): readonly Buffer[] =>
  text === null ? [] : text.split(',').map((key) => Buffer.from(key.trim(), 'base64'));

/** The new content is there whole, or not at all. */
const replaceSecret = async ({ path }: Pick<SecretFile, 'path'>, text: string): Promise<void> => {
  const draft = `${path}.${randomUUID()}`;
  const handle = await open(draft, 'wx', 0o600);
  try {
    await handle.writeFile(`${text}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(draft, path);
};

interface SettledSecret {
  readonly value: string;
  readonly isNew: boolean;
}

const settle = async (configured: string | null, file: SecretFile): Promise<SettledSecret> => {
  if (configured !== null) return { value: configured, isNew: false };
  const kept = await readSecret(file);
  if (kept !== null) return { value: kept, isNew: false };
  const isNew = await createSecret(file);
  const value = await readSecret(file);
  if (value === null) throw damaged(file, 'nothing');
  return { value, isNew };
};

/** Null when the file does not exist. A file that others may read is closed to them first. */
const readSecret = async (file: Omit<SecretFile, 'generate'>): Promise<string | null> => {
  const handle = await open(file.path, constants.O_RDONLY | constants.O_NOFOLLOW).catch(ignoreCode('ENOENT'));
  if (handle === null) return null;
  try {
    const { mode } = await handle.stat();
    if ((mode & 0o077) !== 0) await handle.chmod(0o600);
    const text = (await handle.readFile('utf8')).trim();
    const value = file.kind.parse(text);
    if (value === null) throw damaged(file, `${text.length} characters`);
    return value;
  } finally {
    await handle.close();
  }
};

/** True when this call created the file. A link appears whole or not at all, and never replaces another process's file. */
const createSecret = async (file: SecretFile): Promise<boolean> => {
  const draft = `${file.path}.${randomUUID()}`;
  const handle = await open(draft, 'wx', 0o600);
  try {
    await handle.writeFile(`${file.generate()}\n`);
    await handle.sync();
    return (await link(draft, file.path).then(() => true, ignoreCode('EEXIST'))) ?? false;
  } finally {
    await handle.close();
    await unlink(draft);
  }
};

const ignoreCode =
  (code: string) =>
  (error: NodeJS.ErrnoException): null => {
    if (error.code !== code) throw error;
    return null;
  };

const damaged = (file: Omit<SecretFile, 'generate'>, found: string): KaziError => {
  const advice =
    'Restore it from a backup, or delete it to have a new one generated; what the old one protected is then lost.';
  return new KaziError('INVALID_CONFIG', {
    message: `The file "${file.path}" is damaged: found ${found}, expected ${file.kind.expected}. ${advice}`,
  });
};
