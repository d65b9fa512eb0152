import type { ErrorCode, KaziError } from '../../core/errors.ts';

/** An error as the jobs API answers it. */
export interface ErrorAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
  readonly retryAfterSeconds: number | null;
}

/** Answered as plain text: the errors of paths and methods. */
const PLAIN: ReadonlySet<ErrorCode> = new Set(['NOT_FOUND', 'METHOD_NOT_ALLOWED', 'INVALID_JOB_PATH']);
/** Marked **D** in the contract: `detail` repeats `error`. */
const DETAILED: ReadonlySet<ErrorCode> = new Set(['INVALID_JOB_ID', 'JOB_NOT_FOUND', 'ARTIFACT_NOT_FOUND']);
/** Their cause passes by itself, soon. */
const SOON: ReadonlySet<ErrorCode> = new Set(['IDEMPOTENCY_IN_PROGRESS', 'DATABASE_UNAVAILABLE', 'SHUTTING_DOWN']);

/** The envelope of an error in this family. */
export const toErrorAnswer = (error: KaziError): ErrorAnswer => {
  const retryAfterSeconds = SOON.has(error.code) ? 1 : null;
  if (PLAIN.has(error.code)) {
    return { status: error.status, contentType: 'text/plain; charset=utf-8', body: error.message, retryAfterSeconds };
  }
  const envelope = { ok: false, error: error.message, ...(DETAILED.has(error.code) ? { detail: error.message } : {}) };
  return {
    status: error.status,
    contentType: 'application/json; charset=utf-8',
    body: JSON.stringify(envelope),
    retryAfterSeconds,
  };
};
