import { compareLedgers, findBreaches, findLostJobs } from '../support/invariants.ts';
import { JobClient } from '../support/job-client.ts';
import { allJobsEnded, allSteps, rowsOf } from '../support/rows.ts';
import { ServerProcess } from '../support/server-process.ts';
import { submitLedgerJobs } from '../support/step-ledger.ts';
import type { Proof, Say } from './proof.ts';

export interface DrainServerOptions {
  readonly databaseUrl: string;
  readonly dataDir: string;
  readonly jobs: number;
  readonly drainMs: number;
  readonly deadlineMs: number;
  readonly say: Say;
}

/** Ends a server with SIGTERM while its jobs run, for longer than it may drain, and starts it again. */
export const drainServer = async (options: DrainServerOptions): Promise<Proof> => {
  const { databaseUrl, dataDir, say } = options;
  const settings = { DATABASE_URL: databaseUrl, KAZI_DATA_DIR: dataDir, KAZI_DRAIN_MS: String(options.drainMs) };
  const query = rowsOf(databaseUrl);
  let server = await ServerProcess.start(settings);
  const client = new JobClient(() => server.url);
  try {
    const accepted = await submitLedgerJobs(client, { jobs: options.jobs, steps: 4, stepSeconds: 0.5 });
    await allSteps(query, { started: accepted.size, finished: 1 }, options.deadlineMs);
    const beganAt = performance.now();
    const trouble = [...(await server.stopWell())];
    const drainMs = Math.round(performance.now() - beganAt);
    say(`drained in ${drainMs} ms`);
    const held = await query(`select id from jobs where lease_id is not null`);
    const handedBack = await query(`select id from jobs where state = 'queued'`);
    const nodes = await query(`select id from nodes where died_at is null`);
    server = await ServerProcess.start(settings);
    await allJobsEnded(query, options.deadlineMs);
    const runs = await compareLedgers(query, dataDir);
    return {
      figures: {
        'accepted jobs': accepted.size,
        'drain ms': drainMs,
        'jobs handed back': handedBack.length,
        'finished steps': runs.finished,
        'interrupted runs': runs.interrupted,
      },
      violations: [
        ...(held.length === 0 ? [] : [`the drained server still holds ${held.length} jobs`]),
        ...(nodes.length === 0 ? [] : ['the drained server did not give up its lease']),
        ...(await findLostJobs(query, accepted)),
        ...(await findBreaches(query)),
        ...runs.breaches,
        ...trouble,
        ...(await server.stopWell()),
      ],
      delays: [],
    };
  } finally {
    await server.kill();
  }
};
