/** `npm run chaos [-- NAME…]`: the long form of the fault tests. Prints what was seen; ends with 1 when anything was violated. */
import { pino } from 'pino';
import { startEmbeddedPostgres } from '../../src/postgres/embedded-postgres.ts';
import { openReceiver } from '../support/receiver.ts';
import { administer, urlOfDatabase } from '../support/test-server.ts';
import { drainServer } from './drain-server.ts';
import { killAgent } from './kill-agent.ts';
import { killBatch } from './kill-batch.ts';
import { killNodes } from './kill-nodes.ts';
import { killServer } from './kill-server.ts';
import { inDataFolder, type Proof, type Say } from './proof.ts';
import { restartPostgres } from './restart-postgres.ts';
import { stopRunner } from './stop-runner.ts';

type Prove = (common: { readonly dataDir: string; readonly deadlineMs: number; readonly say: Say }) => Promise<Proof>;

const DEADLINE_MS = 90_000;
const MOST_FAULTS = 20;

/** Gives a proof a PostgreSQL of its own, for servers that share one. */
const onDatabase =
  (prove: (common: Parameters<Prove>[0] & { readonly databaseUrl: string }) => Promise<Proof>): Prove =>
  async (common) => {
    const postgres = await startEmbeddedPostgres({
      dataDir: `${common.dataDir}/cluster`,
      log: pino({ level: 'silent' }),
    });
    try {
      return await prove({ ...common, databaseUrl: postgres.url });
    } finally {
      await postgres.stop();
    }
  };

/** Databases beside the first one, by name. */
const createDatabases = async (databaseUrl: string, names: readonly string[]): Promise<readonly string[]> => {
  await administer(databaseUrl, async (client) => {
    for (const name of names) await client.query(`create database ${name}`);
  });
  return names.map((name) => urlOfDatabase(databaseUrl, name));
};

const PROOFS: Readonly<Record<string, Prove>> = {
  'kill-server': async (common) =>
    await killServer({ ...common, jobs: 200, kills: 3, leaseMs: 10_000, stepSeconds: 0.3, blowMs: [1_500, 5_000] }),
  'stop-runner': onDatabase(async (common) => await stopRunner({ ...common, jobs: 20, leaseMs: 1_500 })),
  'restart-postgres': async (common) =>
    await restartPostgres({
      ...common,
      outages: ['fast', 'crash', 'long', 'crash', 'fast'],
      leaseMs: 3_000,
      pauseMs: [2_000, 4_000],
    }),
  'drain-server': onDatabase(async (common) => await drainServer({ ...common, jobs: 50, drainMs: 1_000 })),
  'kill-nodes': onDatabase(
    async (common) => await killNodes({ ...common, kills: 9, leaseMs: 2_000, pauseMs: [1_500, 4_500] }),
  ),
  batch: async (common) => {
    const receiver = await openReceiver();
    const load = { items: 10_000, agents: 1_000, scripts: 20, scriptSeconds: 0.5 };
    const proof = killBatch({ ...common, ...load, kills: 3, blowMs: [1_000, 4_000], receiver });
    return await proof.finally(receiver.stop);
  },
  'kill-agent': onDatabase(
    async (common) =>
      await killAgent({
        ...common,
        databaseUrls: await createDatabases(common.databaseUrl, ['kazi_lane_1', 'kazi_lane_2']),
        formats: ['responses', 'chat', 'messages'],
        points: null,
      }),
  ),
};

const print = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

const run = async (name: string, prove: Prove): Promise<boolean> => {
  print(`\n${name}`);
  const startedAt = performance.now();
  const say: Say = (text) => print(`  … ${text}`);
  const proof = await inDataFolder(async (dataDir) => await prove({ dataDir, deadlineMs: DEADLINE_MS, say })).catch(
    (error: unknown): Proof => ({
      figures: {},
      violations: [error instanceof Error ? (error.stack ?? error.message) : String(error)],
      delays: [],
    }),
  );
  const faults = [...proof.violations, ...proof.delays];
  for (const [figure, value] of Object.entries(proof.figures)) print(`  ${figure.padEnd(26)} ${value}`);
  for (const fault of faults.slice(0, MOST_FAULTS)) print(`  VIOLATED: ${fault}`);
  if (faults.length > MOST_FAULTS) print(`  VIOLATED: … and ${faults.length - MOST_FAULTS} more`);
  const seconds = Math.round((performance.now() - startedAt) / 1_000);
  print(`  ${faults.length === 0 ? 'holds' : 'DOES NOT HOLD'} (${seconds} s)`);
  return faults.length === 0;
};

const chosen = process.argv.slice(2);
const unknown = chosen.filter((name) => !(name in PROOFS));
if (unknown.length > 0) {
  print(`found "${unknown.join(' ')}", expected some of ${Object.keys(PROOFS).join(', ')}`);
  process.exit(2);
}
const failed: string[] = [];
for (const [name, prove] of Object.entries(PROOFS)) {
  if ((chosen.length === 0 || chosen.includes(name)) && !(await run(name, prove))) failed.push(name);
}
print(failed.length === 0 ? '\nall proofs hold' : `\nviolated: ${failed.join(', ')}`);
process.exitCode = failed.length === 0 ? 0 : 1;
