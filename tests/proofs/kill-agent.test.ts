import assert from 'node:assert/strict';
import { test } from 'node:test';
import { killAgent } from '../chaos/kill-agent.ts';
import { inDataFolder } from '../chaos/proof.ts';
import { createTestDatabase } from '../support/database.ts';

/** Those that differ most; `npm run chaos -- kill-agent` goes through all of them. */
const POINTS = [
  'after hold 1',
  'after step.finished model 3',
  'before message.delta 7',
  'after artifact.published 10',
  'before job.completed',
];

test('an agent whose server is killed between two commits ends with the same files, and asks its model for nothing twice but what was in flight', async () => {
  const databases = [await createTestDatabase(), await createTestDatabase()];
  const proof = await inDataFolder(
    async (dataDir) =>
      await killAgent({
        databaseUrls: databases.map(({ url }) => url),
        dataDir,
        formats: ['chat'],
        points: POINTS,
        deadlineMs: 40_000,
        say: () => undefined,
      }),
  );
  assert.deepEqual(proof.violations, []);
});
