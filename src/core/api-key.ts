import { createHash, randomBytes } from 'node:crypto';

const PREFIX = 'kz_';
const WELL_FORMED = /^kz_[A-Za-z0-9_-]{32,}$/;
const RANDOM_BYTES = 32;

/** A new API key with 256 random bits. It exists only in the answer that shows it; storage keeps `hashApiKey` of it. */
export const generateApiKey = (): string => PREFIX + randomBytes(RANDOM_BYTES).toString('base64url');

/** True for `kz_` and at least 32 characters of `A-Za-z0-9_-`. A malformed key needs no look-up: it cannot exist. */
export const isWellFormedApiKey = (credential: string): boolean => WELL_FORMED.test(credential);

/** SHA-256 of the whole key, 32 bytes. No salt or stretching: a key holds enough randomness to make guessing hopeless. */
export const hashApiKey = (apiKey: string): Buffer => createHash('sha256').update(apiKey, 'utf8').digest();
