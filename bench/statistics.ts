/** Order statistics of a sample, in the sample's own unit. */
export interface Spread {
  readonly count: number;
  readonly min: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

/** Sorts a copy; an empty sample gives NaN throughout. */
export const spreadOf = (sample: readonly number[]): Spread => {
  const sorted = sample.toSorted((left, right) => left - right);
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
  return { count: sorted.length, min: at(0), p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1) };
};

export const median = (sample: readonly number[]): number => spreadOf(sample).p50;

/** `p50 3.1  p95 4.2  p99 9.0  max 12.1 ms (n 200)` */
export const showSpread = (spread: Spread, unit: string): string =>
  `p50 ${spread.p50.toFixed(2)}  p95 ${spread.p95.toFixed(2)}  p99 ${spread.p99.toFixed(2)}  max ${spread.max.toFixed(2)} ${unit} (n ${spread.count})`;

/** `1,834/s (1,702–1,911, 3 rounds)` */
export const showRates = (rates: readonly number[]): string => {
  const { min, p50, max } = spreadOf(rates);
  return `${round(p50)}/s (${round(min)}–${round(max)}, ${rates.length} rounds)`;
};

const round = (rate: number): string => Math.round(rate).toLocaleString('en-US');
