import assert from 'node:assert/strict';
import { test } from 'node:test';
import { killBatch } from '../chaos/kill-batch.ts';
import { inDataFolder } from '../chaos/proof.ts';
import { startReceiver } from '../support/receiver.ts';

/** Conformance checks 37 and 38 of the batches API. */
test('a batch whose server is killed ends once, with the counts of its items and one callback', async (t) => {
  const receiver = await startReceiver([200], t);
  const proof = await inDataFolder(
    async (dataDir) =>
      await killBatch({
        ...{ dataDir, items: 200, agents: 20, scripts: 3, scriptSeconds: 0.3, kills: 1, blowMs: [200, 900] },
        deadlineMs: 40_000,
        receiver,
        say: () => undefined,
      }),
  );
  assert.deepEqual(proof.violations, []);
  assert.ok(Number(proof.figures['items begun again']) > 0);
});
