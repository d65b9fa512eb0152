import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pino } from 'pino';
import { startEmbeddedPostgres } from '../../src/postgres/embedded-postgres.ts';
import { readProcessTree } from '../../src/sandboxes/process-tree.ts';
import { inDataFolder } from '../chaos/proof.ts';
import { compareLedgers, findBreaches, findLostJobs } from '../support/invariants.ts';
import { JobClient } from '../support/job-client.ts';
import { IN_A_REAL_SANDBOX } from '../support/real-sandbox.ts';
import { allJobsEnded, allSteps, rowsOf } from '../support/rows.ts';
import { ServerProcess, signalIfAlive } from '../support/server-process.ts';
import { submitLedgerJobs } from '../support/step-ledger.ts';

test(
  'a node whose database answers no more, without a broken connection, stops its work when its lease ends',
  IN_A_REAL_SANDBOX,
  async () => {
    const proof = await inDataFolder(async (dataDir) => {
      const postgres = await startEmbeddedPostgres({ dataDir: `${dataDir}/cluster`, log: pino({ level: 'silent' }) });
      const settings = { DATABASE_URL: postgres.url, KAZI_DATA_DIR: dataDir, KAZI_LEASE_MS: '1000' };
      const server = await ServerProcess.start(settings);
      const signalDatabase = (name: NodeJS.Signals): void => {
        for (const pid of readProcessTree(postgres.pid)) signalIfAlive(pid, name);
      };
      try {
        const query = rowsOf(postgres.url);
        const client = new JobClient(() => server.url);
        const accepted = await submitLedgerJobs(client, { jobs: 3, steps: 3, stepSeconds: 0.5 });
        await allSteps(query, { started: accepted.size }, 20_000);
        signalDatabase('SIGSTOP');
        await server.sawLine('lease lost: all work of this node stops');
        signalDatabase('SIGCONT');
        await allJobsEnded(query, 20_000);
        const { breaches } = await compareLedgers(query, dataDir);
        const lost = await findLostJobs(query, accepted);
        const violations = [...lost, ...breaches, ...(await findBreaches(query)), ...(await server.stopWell())];
        return { figures: {}, violations, delays: [] };
      } finally {
        signalDatabase('SIGCONT');
        await server.kill();
        await postgres.stop();
      }
    });
    assert.deepEqual(proof.violations, []);
  },
);
