import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pino } from 'pino';
import { startEmbeddedPostgres } from '../../src/postgres/embedded-postgres.ts';
import { inDataFolder } from '../chaos/proof.ts';
import { JobClient } from '../support/job-client.ts';
import { allSteps, rowsOf } from '../support/rows.ts';
import { ServerProcess } from '../support/server-process.ts';
import { submitLedgerJobs } from '../support/step-ledger.ts';

test('a server that is told to end while its database is away ends all the same', async () => {
  const proof = await inDataFolder(async (dataDir) => {
    const postgres = await startEmbeddedPostgres({ dataDir: `${dataDir}/cluster`, log: pino({ level: 'silent' }) });
    const server = await ServerProcess.start({
      DATABASE_URL: postgres.url,
      KAZI_DATA_DIR: dataDir,
      KAZI_LEASE_MS: '3000',
      KAZI_DRAIN_MS: '1000',
    });
    try {
      const client = new JobClient(() => server.url);
      const accepted = await submitLedgerJobs(client, { jobs: 3, steps: 8, stepSeconds: 0.5 });
      await allSteps(rowsOf(postgres.url), { started: accepted.size }, 20_000);
      await postgres.stop();
      return { figures: {}, violations: await server.stopWell(), delays: [] };
    } finally {
      await server.kill();
      await postgres.stop();
    }
  });
  assert.deepEqual(proof.violations, []);
});
