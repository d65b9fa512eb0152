import { createHash, type Hash } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import type { RequestIdentity } from '../actions/new-job.ts';
import { KaziError } from '../core/errors.ts';
import type { Principal } from '../core/principal.ts';
import { pathOf, searchOf } from './request-url.ts';

const KEY = /^[\x21-\x7e]{1,255}$/;

/**
 * How a request is known again when it is sent twice (jobs API, section 8). With a key, everything else must be the same
 * body and query string; without one, an SDK's retry must also come with the same credential. Throws INVALID_IDEMPOTENCY_KEY.
 */
export const readRequestIdentity = (
  request: FastifyRequest,
  principal: Principal,
  toResponse: RequestIdentity['toResponse'],
): RequestIdentity => {
  const reader = startRequestIdentity(request, principal);
  if (Buffer.isBuffer(request.body)) reader.update(request.body);
  return { ...reader.end(), toResponse };
};

/** How a request is known again, found while its body arrives. */
export interface IdentityReader {
  readonly update: (chunk: Buffer) => void;
  /** After the last chunk. Throws INVALID_IDEMPOTENCY_KEY. */
  readonly end: () => Omit<RequestIdentity, 'toResponse'>;
}

/** The same for a body that is not kept. */
export const startRequestIdentity = (request: FastifyRequest, principal: Principal): IdentityReader => {
  const { method, url, headers } = request;
  const { tenantId, userId, credentialId } = principal;
  const path = pathOf(url);
  const search = searchOf(url);
  const key = headers['idempotency-key'];
  const hash = startDigest(key === undefined ? [credentialId, method, path, search] : [search]);
  return {
    update: (chunk) => void hash.update(chunk),
    end: () => {
      if (key === undefined) {
        const retries = Number(headers['x-stainless-retry-count'] ?? 0);
        return { idempotencyScope: null, hash: hash.digest(), isRetry: retries > 0 };
      }
      if (typeof key !== 'string' || !KEY.test(key)) throw new KaziError('INVALID_IDEMPOTENCY_KEY');
      const idempotencyScope = startDigest([tenantId, userId, method, path, key]).digest();
      return { idempotencyScope, hash: hash.digest(), isRetry: false };
    },
  };
};

/** JSON text holds no line break, so the first one ends the parts: no two lists of parts give the same bytes. */
const startDigest = (parts: readonly (string | null)[]): Hash =>
  createHash('sha256').update(`${JSON.stringify(parts)}\n`);
