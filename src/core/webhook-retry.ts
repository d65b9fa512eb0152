import type { StoredWebhook } from './webhook.ts';

const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;

/** Waits before attempts 2, 3, …; the last one repeats (jobs API, section 12). */
const WAITS_MS: readonly number[] = [
  ...[SECOND_MS, 5 * SECOND_MS, 30 * SECOND_MS],
  ...[2 * MINUTE_MS, 10 * MINUTE_MS, HOUR_MS, 6 * HOUR_MS],
];
const MOST_ATTEMPTS = 12;
const USUAL_ATTEMPTS = 8;
const MOST_TIMEOUT_SECONDS = 60;
const USUAL_TIMEOUT_SECONDS = 10;

/** What a delivery may take: what was asked for, within the bounds. */
export const deliveryBounds = ({
  timeout_seconds,
  max_attempts,
}: Pick<StoredWebhook, 'timeout_seconds' | 'max_attempts'>): {
  readonly timeoutMs: number;
  readonly maxAttempts: number;
} => ({
  timeoutMs: Math.min(timeout_seconds ?? USUAL_TIMEOUT_SECONDS, MOST_TIMEOUT_SECONDS) * SECOND_MS,
  maxAttempts: Math.min(max_attempts ?? USUAL_ATTEMPTS, MOST_ATTEMPTS),
});

/**
 * Milliseconds to wait after so many failed attempts, at least one: ±10 %, so that what failed together does not come back
 * together. A receiver that asks for more time (`Retry-After`) gets it, up to an hour.
 */
export const retryWaitMs = (failed: {
  readonly attempts: number;
  readonly retryAfterMs: number | null;
  /** A source like Math.random. */
  readonly random: () => number;
}): number => {
  const waitMs = WAITS_MS[Math.min(failed.attempts, WAITS_MS.length) - 1] ?? SECOND_MS;
  const spreadMs = waitMs * (0.9 + failed.random() * 0.2);
  return Math.round(Math.max(spreadMs, Math.min(failed.retryAfterMs ?? 0, HOUR_MS)));
};

/** The time that Retry-After names, in seconds or as a date; null for what cannot be read. */
export const retryAfterMsOf = (text: string | null, nowMs: number): number | null => {
  if (text === null) return null;
  if (/^\s*\d{1,9}\s*$/.test(text)) return Number(text) * SECOND_MS;
  const date = Date.parse(text);
  return Number.isNaN(date) ? null : Math.max(0, date - nowMs);
};
