import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inDataFolder } from '../chaos/proof.ts';
import { restartPostgres } from '../chaos/restart-postgres.ts';
import { IN_A_REAL_SANDBOX } from '../support/real-sandbox.ts';

test('a server under load gets over stops and crashes of its database by itself', IN_A_REAL_SANDBOX, async () => {
  const proof = await inDataFolder(
    async (dataDir) =>
      await restartPostgres({
        dataDir,
        outages: ['fast', 'crash', 'long'],
        leaseMs: 1_000,
        pauseMs: [300, 700],
        deadlineMs: 40_000,
        say: () => undefined,
      }),
  );
  assert.deepEqual(proof.violations, []);
});
