import assert from 'node:assert/strict';
import { test } from 'node:test';
import { killNodes } from '../chaos/kill-nodes.ts';
import { inDataFolder } from '../chaos/proof.ts';
import { createTestDatabase } from '../support/database.ts';
import { IN_A_REAL_SANDBOX } from '../support/real-sandbox.ts';

test('two nodes, of which one is killed again and again, end every job exactly once', IN_A_REAL_SANDBOX, async (t) => {
  const { url: databaseUrl } = await createTestDatabase(t);
  const proof = await inDataFolder(
    async (dataDir) =>
      await killNodes({
        databaseUrl,
        dataDir,
        kills: 3,
        leaseMs: 1_500,
        pauseMs: [500, 1_000],
        deadlineMs: 40_000,
        say: () => undefined,
      }),
  );
  assert.deepEqual(proof.violations, []);
});
