import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** What was seen when something was done to a server. It holds when nothing was violated. */
export interface Proof {
  readonly figures: Readonly<Record<string, number | string>>;
  readonly violations: readonly string[];
  /** What took longer than promised. Apart, because a busy machine proves nothing about time: the suite looks at violations only. */
  readonly delays: readonly string[];
}

/** Tells whoever watches how far a proof is. */
export type Say = (text: string) => void;

/** Runs a proof in a data folder of its own. It is left behind, and named, when the proof does not hold. */
export const inDataFolder = async (prove: (dataDir: string) => Promise<Proof>): Promise<Proof> => {
  const dataDir = await mkdtemp(join(tmpdir(), 'kazi-fault-'));
  const proof = await prove(dataDir);
  const left = `the data folder is left at ${dataDir}`;
  if (proof.violations.length > 0) return { ...proof, violations: [...proof.violations, left] };
  if (proof.delays.length > 0) return { ...proof, delays: [...proof.delays, left] };
  await rm(dataDir, { recursive: true, force: true });
  return proof;
};

/** The value below which this share of the values lies; 0 of none. */
export const percentile = (values: readonly number[], share: number): number => {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
};

/** A time somewhere in the span. */
export const randomBetween = (fromMs: number, toMs: number): number => fromMs + Math.random() * (toMs - fromMs);

/** Rejects when the work has not ended in time. */
export const withDeadline = async <Result>(work: Promise<Result>, deadlineMs: number): Promise<Result> => {
  const timer = new AbortController();
  const late = delay(deadlineMs, undefined, { signal: timer.signal }).then(() => {
    throw new Error(`the work had not ended after ${deadlineMs} ms`);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    timer.abort();
    late.catch(() => undefined);
  }
};
