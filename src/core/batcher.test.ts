import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { Batcher } from './batcher.ts';

const turn = async (): Promise<void> => await new Promise(setImmediate);

/** A batcher over a run that the test lets go batch by batch. */
const makeGated = (options: { readonly maxItems: number; readonly maxInFlight: number }) => {
  const batches: { readonly items: readonly string[]; readonly release: (error?: Error) => void }[] = [];
  const batcher = new Batcher<string, string>({
    ...options,
    exclusiveKey: (item) => (item.includes(':') ? item.split(':')[0] : undefined),
    canSplit: (error) => error instanceof Error && error.message === 'split',
    run: async (items) => {
      const { promise, resolve, reject } = Promise.withResolvers<readonly string[]>();
      const release = (error?: Error): void => (error ? reject(error) : resolve(items.map((item) => `${item}!`)));
      batches.push({ items, release });
      return await promise;
    },
  });
  return { batcher, batches };
};

describe('Batcher', () => {
  test('sends what came in the same turn together, and answers each its own', async () => {
    const { batcher, batches } = makeGated({ maxItems: 10, maxInFlight: 1 });
    const answers = Promise.all(['a', 'b', 'c'].map(async (item) => await batcher.add(item)));
    await turn();
    assert.deepEqual(batches[0]?.items, ['a', 'b', 'c']);
    batches[0].release();
    assert.deepEqual(await answers, ['a!', 'b!', 'c!']);
  });

  test('gathers what comes while batches are under way, up to the most items of one', async () => {
    const { batcher, batches } = makeGated({ maxItems: 2, maxInFlight: 1 });
    const first = batcher.add('a');
    await turn();
    const later = Promise.all(['b', 'c', 'd'].map(async (item) => await batcher.add(item)));
    await turn();
    assert.equal(batches.length, 1);
    batches[0]?.release();
    await first;
    await turn();
    assert.deepEqual(batches[1]?.items, ['b', 'c']);
    batches[1].release();
    await turn();
    await turn();
    assert.deepEqual(batches[2]?.items, ['d']);
    batches[2].release();
    assert.deepEqual(await later, ['b!', 'c!', 'd!']);
  });

  test('keeps items of one key out of each other’s way, in their order', async () => {
    const { batcher, batches } = makeGated({ maxItems: 10, maxInFlight: 2 });
    const answers = Promise.all(['k:1', 'k:2', 'x', 'k:3'].map(async (item) => await batcher.add(item)));
    for (const expected of [['k:1', 'x'], ['k:2'], ['k:3']]) {
      await turn();
      await turn();
      assert.deepEqual(batches.at(-1)?.items, expected);
      batches.at(-1)?.release();
    }
    assert.deepEqual(await answers, ['k:1!', 'k:2!', 'x!', 'k:3!']);
  });

  test('tries the items of a failed batch one by one, and only the bad one fails', async () => {
    const { batcher, batches } = makeGated({ maxItems: 10, maxInFlight: 1 });
    const answers = Promise.allSettled(['a', 'b'].map(async (item) => await batcher.add(item)));
    await turn();
    batches[0]?.release(new Error('split'));
    await turn();
    assert.deepEqual(batches[1]?.items, ['a']);
    batches[1].release(new Error('bad'));
    await turn();
    assert.deepEqual(batches[2]?.items, ['b']);
    batches[2].release();
    const [a, b] = await answers;
    assert.equal(a?.status, 'rejected');
    assert.deepEqual(b, { status: 'fulfilled', value: 'b!' });
  });

  test('fails all items of a batch that may not be split, and goes on with the next', async () => {
    const { batcher, batches } = makeGated({ maxItems: 10, maxInFlight: 1 });
    const answers = Promise.allSettled(['a', 'b'].map(async (item) => await batcher.add(item)));
    await turn();
    batches[0]?.release(new Error('away'));
    assert.deepEqual(
      (await answers).map((answer) => answer.status),
      ['rejected', 'rejected'],
    );
    const next = batcher.add('c');
    await turn();
    batches[1]?.release();
    assert.equal(await next, 'c!');
  });

  test('answers everything once, whatever comes when', async () => {
    const arrival = fc.record({ key: fc.option(fc.nat(3), { nil: undefined }), waits: fc.nat(2) });
    await fc.assert(
      fc.asyncProperty(
        fc.array(arrival, { maxLength: 40 }),
        fc.integer({ min: 1, max: 5 }),
        async (arrivals, maxItems) => {
          const underWay = new Map<number, number>();
          const order = new Map<number, number[]>();
          let most = 0;
          let inFlight = 0;
          const batcher = new Batcher<{ id: number; key: number | undefined }, number>({
            maxItems,
            maxInFlight: 2,
            exclusiveKey: ({ key }) => key?.toString(),
            canSplit: () => false,
            run: async (items) => {
              inFlight += 1;
              most = Math.max(most, inFlight);
              assert.ok(items.length <= maxItems);
              for (const { id, key } of items) {
                if (key === undefined) continue;
                assert.ok(!underWay.has(key), 'two items of one key were under way at once');
                underWay.set(key, id);
                order.set(key, [...(order.get(key) ?? []), id]);
              }
              await turn();
              for (const { key } of items) if (key !== undefined) underWay.delete(key);
              inFlight -= 1;
              return items.map(({ id }) => id);
            },
          });
          const answers: Promise<number>[] = [];
          for (const [id, { key, waits }] of arrivals.entries()) {
            answers.push(batcher.add({ id, key }));
            for (let waited = 0; waited < waits; waited += 1) await turn();
          }
          assert.deepEqual(await Promise.all(answers), [...arrivals.keys()]);
          assert.ok(most <= 2);
          for (const ids of order.values())
            assert.deepEqual(
              ids,
              ids.toSorted((a, b) => a - b),
            );
        },
      ),
      { numRuns: 60 },
    );
  });
});
