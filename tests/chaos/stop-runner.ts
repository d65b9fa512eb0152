import { isRunning, readStartTime } from '../../src/sandboxes/process-life.ts';
import { readProcessTree } from '../../src/sandboxes/process-tree.ts';
import { compareLedgers, findBreaches, findLostJobs } from '../support/invariants.ts';
import { JobClient } from '../support/job-client.ts';
import { allJobsEnded, allSteps, type Rows, rowsOf } from '../support/rows.ts';
import { ServerProcess } from '../support/server-process.ts';
import { findDisorderedPulses, submitLedgerJobs } from '../support/step-ledger.ts';
import { findLatePickUps, pickUpFigures, pickUpTimes } from './pick-up.ts';
import type { Proof, Say } from './proof.ts';

export interface StopRunnerOptions {
  readonly databaseUrl: string;
  readonly dataDir: string;
  readonly jobs: number;
  readonly leaseMs: number;
  readonly deadlineMs: number;
  readonly say: Say;
}

/**
 * Stops a runner (SIGSTOP) in the midst of its jobs, lets another one take them over when the lease has run out and end them, then
 * continues the first. Its sandboxes run on while it is stopped. Whatever it still does then must change nothing.
 */
export const stopRunner = async (options: StopRunnerOptions): Promise<Proof> => {
  const { databaseUrl, dataDir, leaseMs, jobs, say } = options;
  const settings = { DATABASE_URL: databaseUrl, KAZI_DATA_DIR: dataDir, KAZI_LEASE_MS: String(leaseMs) };
  const query = rowsOf(databaseUrl);
  const first = await ServerProcess.start(settings);
  const client = new JobClient(() => first.url);
  const servers = [first];
  try {
    const idle = new Set(readProcessTree(first.pid));
    const accepted = await submitLedgerJobs(client, { jobs, steps: 5, stepSeconds: 0.8 });
    await allSteps(query, { started: accepted.size, finished: Math.ceil(jobs / 2) }, options.deadlineMs);
    const sandboxes = readProcessTree(first.pid).filter((pid) => !idle.has(pid));
    const births = new Map(sandboxes.map((pid) => [pid, readStartTime(pid)]));
    const stoppedAt = new Date();
    first.signal('SIGSTOP');
    say(`stopped a runner with ${accepted.size} jobs and ${sandboxes.length} processes in sandboxes`);
    // Not before: its start takes seconds on a busy machine, and the jobs would have ended by then.
    const second = await ServerProcess.start(settings);
    servers.push(second);
    await allJobsEnded(query, options.deadlineMs);
    const survivors = sandboxes.filter((pid) => isRunning(pid) && readStartTime(pid) === births.get(pid));
    const before = await snapshot(query);
    const place = first.log.length;
    first.signal('SIGCONT');
    await first.sawLine('lease lost: all work of this node stops', place);
    await first.sawLine('node registered', place);
    say('the runner goes on, and knows that it has lost its jobs');
    // A stop waits for all runs of the node: afterwards none of them can write any more.
    const ends = [...(await first.stopWell()), ...(await second.stopWell())];
    const isChanged = before !== (await snapshot(query));
    const runs = await compareLedgers(query, dataDir);
    const times = await pickUpTimes(query, stoppedAt);
    return {
      figures: {
        jobs: accepted.size,
        'lease ms': leaseMs,
        ...pickUpFigures(times),
        'sandbox processes left': survivors.length,
        'finished steps': runs.finished,
        'interrupted runs': runs.interrupted,
      },
      violations: [
        ...(isChanged ? ['the continued runner changed rows of its former jobs'] : []),
        ...(survivors.length > 0 ? [`sandboxes of the stopped runner are alive: ${survivors.join(', ')}`] : []),
        ...(await findDisorderedPulses(dataDir, accepted.size)),
        ...(await findLostJobs(query, accepted)),
        ...(await findBreaches(query)),
        ...runs.breaches,
        ...ends,
      ],
      delays: findLatePickUps(times, leaseMs),
    };
  } finally {
    for (const server of servers) await server.kill();
  }
};

/** Everything that a run writes, as one text. */
const snapshot = async (query: Rows): Promise<string> => {
  const tables = ['jobs', 'sessions', 'steps', 'events', 'messages', 'artifacts', 'blobs'];
  const texts: string[] = [];
  for (const table of tables) {
    const [row] = await query<{ all: string }>(
      `select string_agg(t::text, e'\\n' order by t::text) as all from ${table} t`,
    );
    texts.push(`${table}: ${row?.all}`);
  }
  return texts.join('\n');
};
