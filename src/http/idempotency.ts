import { createHash } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import type { RequestIdentity } from '../actions/new-job.ts';
import { KaziError } from '../core/errors.ts';
import type { Principal } from '../core/principal.ts';
import { pathOf, searchOf } from './request-url.ts';

const KEY = /^[\x21-\x7e]{1,255}$/;
const NO_BYTES = Buffer.alloc(0);

/**
 * How a request is known again when it is sent twice (jobs API, section 8). With a key, everything else must be the same
 * body and query string; without one, an SDK's retry must also come with the same credential. Throws INVALID_IDEMPOTENCY_KEY.
 */
export const readRequestIdentity = (
  request: FastifyRequest,
  principal: Principal,
  toResponse: RequestIdentity['toResponse'],
): RequestIdentity => {
  const { method, url, headers } = request;
  const { tenantId, userId, credentialId } = principal;
  const body = Buffer.isBuffer(request.body) ? request.body : NO_BYTES;
  const path = pathOf(url);
  const search = searchOf(url);
  const key = headers['idempotency-key'];
  if (key === undefined) {
    const retries = Number(headers['x-stainless-retry-count'] ?? 0);
    const hash = digest([credentialId, method, path, search], body);
    return { idempotencyScope: null, hash, isRetry: retries > 0, toResponse };
  }
  if (typeof key !== 'string' || !KEY.test(key)) throw new KaziError('INVALID_IDEMPOTENCY_KEY');
  const idempotencyScope = digest([tenantId, userId, method, path, key], NO_BYTES);
  return { idempotencyScope, hash: digest([search], body), isRetry: false, toResponse };
};

/** JSON text holds no line break, so the first one ends the parts: no two lists of parts give the same bytes. */
const digest = (parts: readonly (string | null)[], body: Buffer): Buffer =>
  createHash('sha256')
    .update(`${JSON.stringify(parts)}\n`)
    .update(body)
    .digest();
