import { setTimeout as delay } from 'node:timers/promises';
import { compareLedgers, findBreaches, findLostJobs } from '../support/invariants.ts';
import { JobClient } from '../support/job-client.ts';
import { JobLoad } from '../support/job-load.ts';
import { allJobsEnded, rowsOf } from '../support/rows.ts';
import { ServerProcess } from '../support/server-process.ts';
import { findLatePickUps, pickUpFigures, pickUpTimes } from './pick-up.ts';
import { type Proof, randomBetween, type Say } from './proof.ts';

export interface KillNodesOptions {
  readonly databaseUrl: string;
  readonly dataDir: string;
  readonly kills: number;
  readonly leaseMs: number;
  readonly pauseMs: readonly [number, number];
  readonly deadlineMs: number;
  readonly say: Say;
}

/** Runs two nodes on one database under load and kills one of them after the other with SIGKILL; each is started again at once. */
export const killNodes = async (options: KillNodesOptions): Promise<Proof> => {
  const { databaseUrl, dataDir, leaseMs, kills, say } = options;
  const settings = {
    DATABASE_URL: databaseUrl,
    KAZI_DATA_DIR: dataDir,
    KAZI_LEASE_MS: String(leaseMs),
    KAZI_MAX_ATTEMPTS: '100',
  };
  const nodes = await Promise.all([ServerProcess.start(settings), ServerProcess.start(settings)]);
  try {
    // A client behind a balancer that knows no better: any node may have its request, also a dead one.
    const load = new JobLoad(new JobClient(() => nodes[Math.random() < 0.5 ? 0 : 1].url));
    load.start();
    const blows: Date[] = [];
    const trouble: string[] = [];
    for (let number = 1; number <= kills; number += 1) {
      await delay(randomBetween(...options.pauseMs));
      const place = Math.random() < 0.5 ? 0 : 1;
      blows.push(new Date());
      nodes[place].signal('SIGKILL');
      await nodes[place].exited;
      trouble.push(...nodes[place].describeTrouble());
      nodes[place] = await ServerProcess.start(settings);
    }
    await delay(randomBetween(...options.pauseMs));
    const accepted = await load.stop();
    say(`${kills} kills, ${accepted.size} jobs accepted`);
    const query = rowsOf(databaseUrl);
    await allJobsEnded(query, options.deadlineMs);
    const runs = await compareLedgers(query, dataDir);
    const times: number[] = [];
    for (const at of blows) times.push(...(await pickUpTimes(query, at)));
    return {
      figures: {
        'accepted jobs': accepted.size,
        kills,
        'lease ms': leaseMs,
        ...pickUpFigures(times),
        'finished steps': runs.finished,
        'interrupted runs': runs.interrupted,
      },
      violations: [
        ...(await findLostJobs(query, accepted)),
        ...(await findBreaches(query)),
        ...runs.breaches,
        ...trouble,
        ...(await nodes[0].stopWell()),
        ...(await nodes[1].stopWell()),
      ],
      delays: findLatePickUps(times, leaseMs),
    };
  } finally {
    for (const node of nodes) await node.kill();
  }
};
