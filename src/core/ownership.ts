import { type ErrorCode, type ErrorDetails, KaziError } from './errors.ts';
import type { Principal } from './principal.ts';

/** The owner columns of a stored job or session, as read; null where the row has no value. */
export interface OwnedRecord {
  readonly sessionId: string | null;
  readonly userId: string | null;
  readonly tenantId: string | null;
}

export interface OwnershipQuestion {
  readonly principal: Principal;
  readonly kind: 'Job' | 'Session' | 'Worker';
  readonly record: OwnedRecord;
  /** The session that the request named; it must be the job's own. Null when it named none, and always for sessions. */
  readonly namedSessionId: string | null;
}

interface OwnershipFault {
  readonly code: ErrorCode;
  readonly details: ErrorDetails;
}

const RECORD_NAMES = { Job: 'Job status response', Session: 'Session record', Worker: 'Worker record' } as const;

/** Throws the first failure of the ownership order: record validity, session, user, tenant. */
export const checkOwnership = (question: OwnershipQuestion): void => {
  const fault = findFault(question);
  if (fault !== null) throw new KaziError(fault.code, fault.details);
};

/** The same decision for lists and event delivery, where a foreign record is left out instead of refused. */
export const isReadableBy = (question: OwnershipQuestion): boolean => findFault(question) === null;

/** As checkOwnership, for records whose existence is not told to those who may not read them: then `notFound` is thrown. */
export const checkVisible = (question: {
  readonly principal: Principal;
  /** As the error of a record without an owner names it. */
  readonly name: string;
  readonly record: OwnedRecord;
  readonly notFound: KaziError;
}): void => {
  const { principal, name, record, notFound } = question;
  if (principal.sessionIds !== null && !principal.sessionIds.includes(record.sessionId ?? '')) throw notFound;
  const fault = findFault({ principal, kind: 'Session', record, namedSessionId: null });
  if (fault === null) return;
  throw fault.code === 'RECORD_MISSING_OWNER'
    ? new KaziError(fault.code, { ...fault.details, record: `${name} record` })
    : notFound;
};

const findFault = (question: OwnershipQuestion): OwnershipFault | null => {
  const { kind, record, namedSessionId } = question;
  if (!record.sessionId) {
    return { code: kind === 'Job' ? 'INVALID_JOB_RECORD' : 'INVALID_SESSION_RECORD', details: {} };
  }
  if (kind === 'Job' && namedSessionId !== null && namedSessionId !== record.sessionId) {
    return { code: 'RECORD_SESSION_MISMATCH', details: { record: kind } };
  }
  return findUserFault(question) ?? findTenantFault(question);
};

const findUserFault = ({ principal, kind, record }: OwnershipQuestion): OwnershipFault | null => {
  if (principal.userId !== null && !record.userId) return missingOwner(kind, 'user_id');
  // A credential of a whole tenant, or of named sessions, stands above users; an anonymous one stands below them.
  const isAboveUsers = principal.userId === null && !principal.isAnonymous;
  if (isAboveUsers || (record.userId || null) === principal.userId) return null;
  return { code: 'RECORD_USER_MISMATCH', details: { record: kind } };
};

const findTenantFault = ({ principal, kind, record }: OwnershipQuestion): OwnershipFault | null => {
  if (!record.tenantId) return missingOwner(kind, 'tenant_id');
  if (record.tenantId === principal.tenantId) return null;
  return { code: 'RECORD_TENANT_MISMATCH', details: { record: kind } };
};

const missingOwner = (kind: OwnershipQuestion['kind'], owner: 'user_id' | 'tenant_id'): OwnershipFault => ({
  code: 'RECORD_MISSING_OWNER',
  details: { record: RECORD_NAMES[kind], owner },
});
