import { setTimeout as delay } from 'node:timers/promises';
import { pino } from 'pino';
import { startEmbeddedPostgres } from '../../src/postgres/embedded-postgres.ts';
import { compareLedgers, findBreaches, findLostJobs } from '../support/invariants.ts';
import { JobClient } from '../support/job-client.ts';
import { rowsOf } from '../support/rows.ts';
import { ServerProcess } from '../support/server-process.ts';
import { submitLedgerJobs } from '../support/step-ledger.ts';
import { findLatePickUps, pickUpFigures, pickUpTimes } from './pick-up.ts';
import { type Proof, randomBetween, type Say, withDeadline } from './proof.ts';

export interface KillServerOptions {
  readonly dataDir: string;
  readonly jobs: number;
  readonly kills: number;
  readonly leaseMs: number;
  readonly stepSeconds: number;
  /** The blow falls at a random time in this span after the server was ready. */
  readonly blowMs: readonly [number, number];
  readonly deadlineMs: number;
  readonly say: Say;
}

interface Blow {
  readonly at: Date;
  /** From the blow until the server was ready again. */
  readonly restartMs: number;
}

/** With the usual 3, a job that is hit by every blow would rightly be given up. */
const MAX_ATTEMPTS = 10;

/** Kills a server and its embedded database with SIGKILL while accepted shell jobs run, and starts it again on the same folder. */
export const killServer = async (options: KillServerOptions): Promise<Proof> => {
  const { dataDir, jobs, kills, leaseMs, stepSeconds, say } = options;
  const settings = { KAZI_DATA_DIR: dataDir, KAZI_LEASE_MS: String(leaseMs), KAZI_MAX_ATTEMPTS: String(MAX_ATTEMPTS) };
  const trouble: string[] = [];
  let server = await ServerProcess.start(settings);
  try {
    const client = new JobClient(() => server.url);
    const accepted = await submitLedgerJobs(client, { jobs, steps: 4, stepSeconds, sessions: Math.ceil(jobs * 0.8) });
    say(`${accepted.size} jobs accepted`);
    const blows: Blow[] = [];
    for (let number = 1; number <= kills; number += 1) {
      await delay(randomBetween(...options.blowMs));
      trouble.push(...server.describeTrouble());
      const at = await server.kill();
      server = await ServerProcess.start(settings);
      const restartMs = Date.now() - at.getTime();
      blows.push({ at, restartMs });
      say(`kill ${number} of ${kills}: ready again after ${restartMs} ms`);
    }
    const statuses = await withDeadline(
      Promise.all([...accepted.values()].map(async (id) => await client.ended(id))),
      options.deadlineMs,
    );
    const failed = statuses.filter((status) => status !== 'complete');
    if (failed.length > 0) trouble.push(`${failed.length} jobs did not complete`);
    trouble.push(...(await server.stopWell()));
    return await judge({ options, accepted, blows, trouble });
  } finally {
    await server.kill();
  }
};

/** Looks into the data folder that the server has left. */
const judge = async (seen: {
  readonly options: KillServerOptions;
  readonly accepted: ReadonlyMap<string, string>;
  readonly blows: readonly Blow[];
  readonly trouble: readonly string[];
}): Promise<Proof> => {
  const { accepted, blows, options } = seen;
  const postgres = await startEmbeddedPostgres({ dataDir: options.dataDir, log: pino({ level: 'silent' }) });
  try {
    const query = rowsOf(postgres.url);
    const runs = await compareLedgers(query, options.dataDir);
    const times: number[] = [];
    const delays: string[] = [];
    for (const { at, restartMs } of blows) {
      const ofBlow = await pickUpTimes(query, at);
      times.push(...ofBlow);
      delays.push(...findLatePickUps(ofBlow, Math.max(options.leaseMs, restartMs)));
    }
    return {
      figures: {
        'accepted jobs': accepted.size,
        kills: blows.length,
        'lease ms': options.leaseMs,
        'attempts allowed': MAX_ATTEMPTS,
        'restart ms': blows.map(({ restartMs }) => restartMs).join(' '),
        ...pickUpFigures(times),
        'finished steps': runs.finished,
        'interrupted runs': runs.interrupted,
      },
      violations: [
        ...(await findLostJobs(query, accepted)),
        ...(await findBreaches(query)),
        ...runs.breaches,
        ...seen.trouble,
      ],
      delays,
    };
  } finally {
    await postgres.stop();
  }
};
