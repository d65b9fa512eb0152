import { createHash } from 'node:crypto';

const CHARACTERS = 22;

/** What deliveries share their limits by: a tenant, and where it is told. */
export const webhookTarget = (tenantId: string, place: string): string =>
  createHash('sha256')
    .update(JSON.stringify([tenantId, place]))
    .digest('base64url')
    .slice(0, CHARACTERS);
