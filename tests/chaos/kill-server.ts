import { setTimeout as delay } from 'node:timers/promises';
import { compareLedgers, findBreaches, findLostJobs } from '../support/invariants.ts';
import { connectClient } from '../support/job-client.ts';
import { allJobsEnded, rowsOf } from '../support/rows.ts';
import { ServerProcess } from '../support/server-process.ts';
import { submitLedgerJobs } from '../support/step-ledger.ts';
import { findLatePickUps, pickUpFigures, pickUpTimes } from './pick-up.ts';
import { type Proof, randomBetween, type Say } from './proof.ts';

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

/**
 * Kills a server and its embedded database with SIGKILL while accepted shell jobs run, and starts it again on the same folder.
 * Attempts are set to 10: with the usual 3, a job that is hit by every blow would rightly be given up.
 */
export const killServer = async (options: KillServerOptions): Promise<Proof> => {
  const { dataDir, jobs, kills, leaseMs, stepSeconds, say } = options;
  const settings = { KAZI_DATA_DIR: dataDir, KAZI_LEASE_MS: String(leaseMs), KAZI_MAX_ATTEMPTS: '10' };
  const trouble: string[] = [];
  let server = await ServerProcess.start(settings);
  try {
    const client = await connectClient({ databaseUrl: server.databaseUrl, dataDir });
    const accepted = await submitLedgerJobs(client, { jobs, steps: 4, stepSeconds, sessions: Math.ceil(jobs * 0.8) });
    await client.close();
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
    return await judge({ options, server, accepted, blows, trouble });
  } finally {
    await server.kill();
  }
};

const judge = async (seen: {
  readonly options: KillServerOptions;
  readonly server: ServerProcess;
  readonly accepted: ReadonlyMap<string, string>;
  readonly blows: readonly Blow[];
  readonly trouble: readonly string[];
}): Promise<Proof> => {
  const { server, accepted, blows, options } = seen;
  const query = rowsOf(server.databaseUrl);
  await allJobsEnded(query, options.deadlineMs);
  const runs = await compareLedgers(query, options.dataDir);
  const times: number[] = [];
  const delays: string[] = [];
  for (const { at, restartMs } of blows) {
    const ofBlow = await pickUpTimes(query, at);
    times.push(...ofBlow);
    delays.push(...findLatePickUps(ofBlow, Math.max(options.leaseMs, restartMs)));
  }
  const breaches = [...(await findLostJobs(query, accepted)), ...(await findBreaches(query)), ...runs.breaches];
  return {
    figures: {
      'accepted jobs': accepted.size,
      kills: blows.length,
      'lease ms': options.leaseMs,
      'restart ms': blows.map(({ restartMs }) => restartMs).join(' '),
      ...pickUpFigures(times),
      'finished steps': runs.finished,
      'interrupted runs': runs.interrupted,
    },
    violations: [...breaches, ...seen.trouble, ...(await server.stopWell())],
    delays,
  };
};
