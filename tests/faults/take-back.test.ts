import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inDataFolder } from '../chaos/proof.ts';
import { createTestDatabase } from '../support/database.ts';
import { JobClient } from '../support/job-client.ts';
import { IN_A_REAL_SANDBOX } from '../support/real-sandbox.ts';
import { allJobsEnded, allSteps, rowsOf } from '../support/rows.ts';
import { ServerProcess } from '../support/server-process.ts';
import { ledgerScript } from '../support/step-ledger.ts';

const DEADLINE_MS = 40_000;

test('a job of a dead node runs again before those that had not begun yet', IN_A_REAL_SANDBOX, async (t) => {
  const { url: databaseUrl } = await createTestDatabase(t);
  const query = rowsOf(databaseUrl);
  await inDataFolder(async (dataDir) => {
    const settings = { DATABASE_URL: databaseUrl, KAZI_DATA_DIR: dataDir, KAZI_RUNNER_CONCURRENCY: '1' };
    const first = await ServerProcess.start(settings);
    t.after(async () => await first.kill());
    const client = new JobClient(() => first.url);
    const question = ledgerScript({ label: 'hit', steps: 2, stepSeconds: 0.5 });
    const hit = await client.submit({ label: 'hit', agent: 'shell', question, sessionId: 'hit' });
    await allSteps(query, { started: 1 }, DEADLINE_MS);
    for (const label of ['later', 'latest']) {
      await client.submit({ label, agent: 'echo', question: label, sessionId: label });
    }
    await first.kill();

    const second = await ServerProcess.start(settings);
    t.after(async () => await second.kill());
    await allJobsEnded(query, DEADLINE_MS);
    const starts = await query<{ job_id: string }>(
      `select job_id from events where type = 'job.started' order by at, seq`,
    );
    assert.deepEqual(
      starts.slice(0, 2).map((start) => start.job_id),
      [hit, hit],
    );
    return { figures: {}, violations: await second.stopWell(), delays: [] };
  });
});
