import { createHmac } from 'node:crypto';

export interface SignedMessage {
  /** `msg_<ULID>`, the same in all attempts. */
  readonly id: string;
  /** Unix seconds, of this attempt. */
  readonly timestamp: number;
  readonly body: string;
}

const STANDARD_PREFIX = 'whsec_';

/**
 * The headers that identify and sign one attempt, by both schemes of the jobs API (section 12). One signature for each
 * secret, so that receivers can check with the old or the new one while a secret rotates; none without secrets.
 */
export const signatureHeaders = (
  { id, timestamp, body }: SignedMessage,
  secrets: readonly string[],
): Readonly<Record<string, string>> => {
  const headers = { 'webhook-id': id, 'webhook-timestamp': String(timestamp) };
  if (secrets.length === 0) return headers;
  const standard = secrets.map((secret) => `v1,${hmac(standardKey(secret), `${id}.${timestamp}.${body}`, 'base64')}`);
  const agent = secrets.map((secret) => `v1=${hmac(Buffer.from(secret, 'utf8'), `${timestamp}.${body}`, 'hex')}`);
  return {
    ...headers,
    'webhook-signature': standard.join(' '),
    'X-Agent-Timestamp': String(timestamp),
    'X-Agent-Signature': [`t=${timestamp}`, ...agent].join(','),
  };
};

/** Standard Webhooks: what follows the prefix is base64. A prefix with nothing behind it is no key, so it is taken as text. */
const standardKey = (secret: string): Buffer => {
  const decoded = secret.startsWith(STANDARD_PREFIX)
    ? Buffer.from(secret.slice(STANDARD_PREFIX.length), 'base64')
    : Buffer.alloc(0);
  return decoded.length > 0 ? decoded : Buffer.from(secret, 'utf8');
};

const hmac = (key: Buffer, text: string, encoding: 'base64' | 'hex'): string =>
  createHmac('sha256', key).update(text, 'utf8').digest(encoding);
