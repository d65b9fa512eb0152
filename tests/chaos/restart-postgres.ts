import { setTimeout as delay } from 'node:timers/promises';
import { pino } from 'pino';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/postgres/embedded-postgres.ts';
import { compareLedgers, findBreaches, findLostJobs } from '../support/invariants.ts';
import { JobClient } from '../support/job-client.ts';
import { JobLoad } from '../support/job-load.ts';
import { allJobsEnded, rowsOf } from '../support/rows.ts';
import { ServerProcess } from '../support/server-process.ts';
import { type Proof, percentile, randomBetween, type Say } from './proof.ts';

/** `fast`: stopped in an orderly way. `crash`: SIGKILL. `long`: stopped, and started again only after the lease has run out. */
export type Outage = 'fast' | 'crash' | 'long';

export interface RestartPostgresOptions {
  readonly dataDir: string;
  readonly outages: readonly Outage[];
  readonly leaseMs: number;
  /** Load before, between and after the outages. */
  readonly pauseMs: readonly [number, number];
  readonly deadlineMs: number;
  readonly say: Say;
}

/** Takes PostgreSQL away from a server under load, again and again, and gives it back. The server must get over it by itself. */
export const restartPostgres = async (options: RestartPostgresOptions): Promise<Proof> => {
  const { dataDir, leaseMs, say } = options;
  const clusterDir = `${dataDir}/cluster`;
  const start = async (): Promise<EmbeddedPostgres> =>
    await startEmbeddedPostgres({ dataDir: clusterDir, log: pino({ level: 'silent' }) });
  let postgres = await start();
  const databaseUrl = postgres.url;
  const server = await ServerProcess.start({
    DATABASE_URL: databaseUrl,
    KAZI_DATA_DIR: dataDir,
    KAZI_LEASE_MS: String(leaseMs),
    KAZI_MAX_ATTEMPTS: '10',
  });
  const client = new JobClient(() => server.url);
  try {
    const load = new JobLoad(client);
    load.start();
    const gaps: number[] = [];
    for (const outage of options.outages) {
      await delay(randomBetween(...options.pauseMs));
      const beganAt = performance.now();
      if (outage === 'long') {
        await postgres.stop();
        await delay(leaseMs * 1.3);
        postgres = await start();
      } else {
        process.kill(postgres.pid, outage === 'fast' ? 'SIGINT' : 'SIGKILL');
      }
      await probe(client, `probe-${gaps.length}`);
      gaps.push(performance.now() - beganAt);
      say(`${outage} outage: ready, and a new job complete ${Math.round(gaps.at(-1) ?? 0)} ms after its begin`);
    }
    await delay(randomBetween(...options.pauseMs));
    const accepted = await load.stop();
    return await judge({ options, server, accepted, databaseUrl, gaps });
  } finally {
    await server.kill();
    await postgres.stop();
  }
};

/** Resolves when the server says that it is ready, and a job that was submitted then is complete. */
const probe = async (client: JobClient, label: string): Promise<void> => {
  await client.becameReady();
  await client.ended(await client.submitUntilAccepted({ label, agent: 'echo', question: label, sessionId: label }));
};

const judge = async (seen: {
  readonly options: RestartPostgresOptions;
  readonly server: ServerProcess;
  readonly accepted: ReadonlyMap<string, string>;
  readonly databaseUrl: string;
  readonly gaps: readonly number[];
}): Promise<Proof> => {
  const { options, server, accepted, gaps } = seen;
  const query = rowsOf(seen.databaseUrl);
  const total = await allJobsEnded(query, options.deadlineMs);
  const runs = await compareLedgers(query, options.dataDir);
  return {
    figures: {
      'accepted jobs': accepted.size,
      outages: options.outages.join(' '),
      'lease ms': options.leaseMs,
      'begin to new job done ms': gaps.map(Math.round).join(' '),
      'longest ms': Math.round(percentile(gaps, 1)),
      'finished steps': runs.finished,
      'interrupted runs': runs.interrupted,
    },
    violations: [
      ...(server.hasExited ? ['the server ended'] : []),
      ...(total === accepted.size + gaps.length
        ? []
        : [`found ${total} jobs, expected ${accepted.size + gaps.length}`]),
      ...(await findLostJobs(query, accepted)),
      ...(await findBreaches(query)),
      ...runs.breaches,
      ...(await server.stopWell()),
    ],
    delays: [],
  };
};
