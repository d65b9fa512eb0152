import assert from 'node:assert/strict';
import { test } from 'node:test';
import { drainServer } from '../chaos/drain-server.ts';
import { inDataFolder } from '../chaos/proof.ts';
import { createTestDatabase } from '../support/database.ts';
import { IN_A_REAL_SANDBOX } from '../support/real-sandbox.ts';

test(
  'a server that is told to end hands back what it cannot finish, and its next start goes on',
  IN_A_REAL_SANDBOX,
  async (t) => {
    const { url: databaseUrl } = await createTestDatabase(t);
    const proof = await inDataFolder(
      async (dataDir) =>
        await drainServer({ databaseUrl, dataDir, jobs: 8, drainMs: 200, deadlineMs: 40_000, say: () => undefined }),
    );
    assert.deepEqual(proof.violations, []);
    assert.equal(proof.figures['jobs handed back'], 8);
  },
);
