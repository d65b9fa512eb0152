import assert from 'node:assert/strict';
import { test } from 'node:test';
import { killServer } from '../chaos/kill-server.ts';
import { inDataFolder } from '../chaos/proof.ts';
import { IN_A_REAL_SANDBOX } from '../support/real-sandbox.ts';

test(
  'a server that is killed with its database loses no job and repeats no finished step',
  IN_A_REAL_SANDBOX,
  async () => {
    const proof = await inDataFolder(
      async (dataDir) =>
        await killServer({
          dataDir,
          jobs: 24,
          kills: 2,
          leaseMs: 10_000,
          stepSeconds: 0.2,
          blowMs: [400, 900],
          deadlineMs: 40_000,
          say: () => undefined,
        }),
    );
    assert.deepEqual(proof.violations, []);
    assert.ok(Number(proof.figures['running jobs hit']) > 0);
  },
);
