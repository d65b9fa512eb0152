import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inDataFolder } from '../chaos/proof.ts';
import { stopRunner } from '../chaos/stop-runner.ts';
import { createTestDatabase } from '../support/database.ts';
import { IN_A_REAL_SANDBOX } from '../support/real-sandbox.ts';

test('a runner that was stopped past its lease and continued writes nothing more', IN_A_REAL_SANDBOX, async (t) => {
  const { url: databaseUrl } = await createTestDatabase(t);
  const proof = await inDataFolder(
    async (dataDir) =>
      await stopRunner({ databaseUrl, dataDir, jobs: 3, leaseMs: 1_500, deadlineMs: 40_000, say: () => undefined }),
  );
  assert.deepEqual(proof.violations, []);
  assert.equal(proof.figures['running jobs hit'], 3);
});
