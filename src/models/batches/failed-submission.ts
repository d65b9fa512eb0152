import type { BatchSubmission } from '../model.ts';
import { BatchHttpError } from './batch-http.ts';

/** What became of handing a batch in that threw. Only a clear no of the provider means that it is not there. */
export const failedSubmission = (error: unknown): BatchSubmission => {
  if (error instanceof BatchHttpError && error.status < 500) {
    const { status, body, retryAfterMs: waitMs } = error;
    return { kind: 'refused', answer: { status, body }, retryAfterMs: waitMs };
  }
  return { kind: 'unknown', reason: error instanceof Error ? error.message : String(error) };
};
