import { KaziError } from './errors.ts';
import { newUlid } from './ulid.ts';

const TENANT = /^[A-Za-z0-9._:@-]{1,64}$/;
const SHAPE = /^t_[A-Za-z0-9._:@-]{1,64}_w_([0-9A-HJKMNP-TV-Z]{26})$/;

/** An id for a new worker of the tenant, which is that of its session too. Throws INVALID_REQUEST for a tenant whose name does not fit. */
export const newWorkerId = (tenantId: string): string => {
  if (!TENANT.test(tenantId)) {
    const message = `Found the tenant "${tenantId.slice(0, 80)}", expected at most 64 characters of A-Z a-z 0-9 . _ : @ - for a worker.`;
    throw new KaziError('INVALID_REQUEST', { message });
  }
  return `t_${tenantId}_w_${newUlid()}`;
};

/** The id itself, from a path, already percent-decoded. Throws INVALID_WORKER_ID. */
export const parseWorkerId = (text: string): string => {
  if (!SHAPE.test(text)) throw new KaziError('INVALID_WORKER_ID');
  return text;
};

/** True for a session id that looks like a worker's; whether there is such a worker is for the table to say. */
export const isWorkerId = (sessionId: string): boolean => SHAPE.test(sessionId);
