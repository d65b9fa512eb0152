import { refusedPath } from './workspace-path.ts';

/** The code of a system error, or null. */
export const faultCode = (error: unknown): string | null =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null;

/** ELOOP is a link where O_NOFOLLOW met one; everything else is passed on as it is. */
export const translateFault = (error: unknown, path: string): unknown =>
  faultCode(error) === 'ELOOP' ? refusedPath(path, error) : error;
