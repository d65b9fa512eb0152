import { findSkipReason } from '../sandboxes/support.ts';

/**
 * Options of a test whose scripts have programs, processes in the background, or output that is read while they run: the
 * emulated shell, which stands in where bubblewrap is missing, has none of these.
 */
export const IN_A_REAL_SANDBOX = Object.freeze({ skip: await findSkipReason('bubblewrap') });
