import { randomBytes } from 'node:crypto';

/** A new secret for webhooks, in the form of Standard Webhooks. */
export const generateSigningSecret = (): string => `whsec_${randomBytes(32).toString('base64')}`;
