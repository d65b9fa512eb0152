import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { killCase, UNDISTURBED } from '../runtimes/llm/kill-points-case.ts';
import { type KillRun, type KillRunOptions, runAndKill } from '../runtimes/llm/kill-points-run.ts';
import type { FormatName } from '../runtimes/llm/llm-node.ts';
import { findLatePickUps } from './pick-up.ts';
import { type Proof, percentile, type Say } from './proof.ts';

export interface KillAgentOptions {
  /** So many runs at once: each has a database for itself, and a folder. */
  readonly databaseUrls: readonly string[];
  readonly dataDir: string;
  readonly formats: readonly FormatName[];
  /** Null = each point of the run, enumerated by a run that nobody disturbs. */
  readonly points: readonly string[] | null;
  readonly deadlineMs: number;
  readonly say: Say;
}

/** What is gathered is written by the clock: a run on a busy machine may not come by such a point. */
const TRIES = 5;
/** What the start of the second node may take: then it takes the job at once, without waiting for the lease of 10 s. */
const NODE_START_MS = 2_000;

interface StruckPoint extends KillRun {
  readonly point: string;
}

/**
 * Kills a server, while an agent works, before and after each commit of the run, one server a point, and has a second node go on:
 * nothing may differ from a run that nobody disturbs but that the call in flight is made again.
 */
export const killAgent = async (options: KillAgentOptions): Promise<Proof> => {
  const figures: Record<string, string> = {};
  const violations: string[] = [];
  const delays: string[] = [];
  for (const format of options.formats) {
    const startedAtMs = performance.now();
    const struck = await killAtPoints(options, format);
    const commits = new Set(struck.flatMap(({ points }) => points.filter((point) => point.startsWith('after '))));
    const times = struck.flatMap(({ pickUpMs }) => pickUpMs ?? []);
    violations.push(...struck.flatMap((run) => run.violations.map((fault) => `${format}, ${fault}`)));
    delays.push(...findLatePickUps(times, NODE_START_MS).map((late) => `${format}: ${late}`));
    figures[format] = [
      `${commits.size} commits`,
      `${struck.length} points`,
      `${struck.filter(({ point }) => killCase(point).askedTwice !== null).length} with a turn asked twice`,
      `pick-up p50 ${Math.round(percentile(times, 0.5))} ms`,
      `max ${Math.round(percentile(times, 1))} ms`,
      `${Math.round((performance.now() - startedAtMs) / 1_000)} s`,
    ].join(', ');
    options.say(`${format}: ${figures[format]}`);
  }
  return { figures, violations, delays };
};

/** Deals the points out to the lanes. */
const killAtPoints = async (options: KillAgentOptions, format: FormatName): Promise<readonly StruckPoint[]> => {
  const { databaseUrls, deadlineMs, say } = options;
  const lanes = databaseUrls.map((databaseUrl, index) => ({
    databaseUrl,
    dataDir: join(options.dataDir, `${format}-${index}`),
    format,
    deadlineMs,
  }));
  const [first] = lanes;
  if (!first) throw new Error('found no database, expected at least one');
  for (const { dataDir } of lanes) await mkdir(dataDir, { recursive: true });
  const struck: StruckPoint[] = [];
  if (options.points === null) struck.push(await strike({ ...first, point: UNDISTURBED }));
  const enumerated = new Set(struck.flatMap(({ points }) => points));
  const left = options.points === null ? [...enumerated].filter((point) => point !== UNDISTURBED) : [...options.points];
  await Promise.all(
    lanes.map(async (lane) => {
      for (let point = left.shift(); point !== undefined; point = left.shift()) {
        const run = await strike({ ...lane, point });
        struck.push(run);
        say(describe(run));
      }
    }),
  );
  return struck;
};

/** Goes at it again when the run did not come by the point. */
const strike = async (options: KillRunOptions): Promise<StruckPoint> => {
  const { point } = options;
  for (let attempt = 1; ; attempt += 1) {
    const run = await runAndKill(options);
    if (run.isStruck) return { ...run, point };
    if (attempt === TRIES) return { ...run, point, violations: [`${point}: no run came by it`, ...run.violations] };
  }
};

const describe = ({ point, pickUpMs, violations }: StruckPoint): string => {
  const pickUp = pickUpMs === null ? 'no second start' : `${Math.round(pickUpMs)} ms`;
  return `${point.padEnd(36)} ${pickUp.padStart(16)}${violations.length > 0 ? '  VIOLATED' : ''}`;
};
