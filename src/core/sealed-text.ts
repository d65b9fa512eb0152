import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { KaziError } from './errors.ts';

/** The keys of the vault, 32 bytes each. `current` seals; the previous ones only open what they sealed before a rotation. */
export interface Keyring {
  readonly current: Buffer;
  readonly previous: readonly Buffer[];
}

const CIPHER = 'aes-256-gcm';
const IV_BYTES = 12;
const TAG_BYTES = 16;
const SEALED = /^v1\.(?<keyId>[0-9a-f]{8})\.(?<bytes>[A-Za-z0-9_-]+)$/;

/** What is stored begins with this while it was sealed by the current key: the first bytes of the key's SHA-256 say which. */
export const sealedPrefix = ({ current }: Keyring): string => `v1.${idOf(current)}.`;

/** Encrypts a text for storage (AES-256-GCM). It opens for the same owner only: rows of another tenant cannot be swapped in. */
export const sealText = (keyring: Keyring, text: string, owner: string): string => {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv(CIPHER, keyring.current, iv).setAAD(Buffer.from(owner, 'utf8'));
  const bytes = Buffer.concat([iv, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
  return `${sealedPrefix(keyring)}${bytes.toString('base64url')}`;
};

/** The text that sealText was given. Throws SECRET_UNREADABLE when no key of the ring sealed it, or it was changed. */
export const openText = (keyring: Keyring, sealed: string, owner: string): string => {
  const { keyId = '(none)', bytes: encoded = '' } = SEALED.exec(sealed)?.groups ?? {};
  const key = [keyring.current, ...keyring.previous].find((candidate) => idOf(candidate) === keyId);
  if (key === undefined) throw new KaziError('SECRET_UNREADABLE', { key: keyId });
  const bytes = Buffer.from(encoded, 'base64url');
  try {
    const decipher = createDecipheriv(CIPHER, key, bytes.subarray(0, IV_BYTES)).setAAD(Buffer.from(owner, 'utf8'));
    decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
    const text = [decipher.update(bytes.subarray(IV_BYTES, -TAG_BYTES)), decipher.final()];
    return Buffer.concat(text).toString('utf8');
  } catch (cause) {
    throw new KaziError('SECRET_UNREADABLE', { key: keyId }, { cause });
  }
};

/** Names a key without telling anything about it that would help to find it. */
const idOf = (key: Buffer): string =>
  createHash('sha256').update('kazi vault key').update(key).digest('hex').slice(0, 8);
