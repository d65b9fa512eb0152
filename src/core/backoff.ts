export interface Backoff {
  /** The number of failures so far, from 1. */
  readonly attempt: number;
  /** The longest wait after the first failure; it doubles with each further one. */
  readonly firstMs: number;
  /** No wait is longer than this. */
  readonly longestMs: number;
  /** A source like Math.random: from 0 up to, not including, 1. */
  readonly random: () => number;
}

/**
 * Exponential backoff with full jitter: a whole number of milliseconds, evenly spread from 0 to the bound of this
 * attempt. Spreading over the whole range keeps clients that failed together from returning together.
 */
export const backoffMs = ({ attempt, firstMs, longestMs, random }: Backoff): number => {
  const boundMs = Math.min(longestMs, firstMs * 2 ** (attempt - 1));
  return Math.floor(random() * (boundMs + 1));
};
