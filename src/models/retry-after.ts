/**
 * How long a provider asks to be left alone: `retry-after-ms`, then Retry-After in seconds or as a date, then Google's
 * `retryDelay` in the body. Null when it does not say, or nothing that can be read.
 */
export const retryAfterMs = (
  headers: Readonly<Record<string, string>>,
  body: string,
  now = Date.now(),
): number | null => {
  const exact = toMs(headers['retry-after-ms'], 1);
  if (exact !== null) return exact;
  const after = headers['retry-after'];
  const seconds = toMs(after, 1000);
  if (seconds !== null) return seconds;
  const date = after === undefined ? Number.NaN : Date.parse(after);
  if (!Number.isNaN(date)) return Math.max(0, date - now);
  return toMs(/"retryDelay":\s*"([\d.]+)s"/.exec(body)?.[1], 1000);
};

const toMs = (text: string | undefined, unitMs: number): number | null => {
  const value = /^\s*\d+(\.\d+)?\s*$/.test(text ?? '') ? Number(text) : Number.NaN;
  return Number.isFinite(value) ? Math.ceil(value * unitMs) : null;
};
