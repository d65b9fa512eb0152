import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { BlobStore, ByteRange } from '../../src/blobs/store.ts';

const sha256Of = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

async function* inChunks(bytes: Uint8Array, size = 1000): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size);
}

async function* failingAfter(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
  throw new Error('the source broke');
}

const read = async (store: BlobStore, sha256: string, range?: ByteRange): Promise<Buffer> =>
  await buffer(await store.open(sha256, range));

/** What every blob store must do. `create` makes an empty store; the suite only adds to it. */
export const blobStoreSuite = (name: string, create: () => Promise<BlobStore>): void => {
  describe(`${name} keeps blobs`, () => {
    test('what was put is named by its digest and read back byte for byte', async () => {
      const store = await create();
      for (const bytes of [Buffer.from('hello'), randomBytes(300_000), Buffer.alloc(0)]) {
        const receipt = await store.put(inChunks(bytes));
        assert.deepEqual(receipt, { sha256: sha256Of(bytes), sizeBytes: bytes.length });
        assert.deepEqual(await read(store, receipt.sha256), bytes);
        assert.deepEqual(await store.stat(receipt.sha256), receipt);
        assert.equal(await store.has(receipt.sha256), true);
      }
    });

    test('a source may reuse the buffer that it yields', async () => {
      const store = await create();
      async function* reusing(): AsyncGenerator<Uint8Array> {
        const shared = Buffer.alloc(2);
        for (const text of ['ab', 'cd']) {
          shared.write(text);
          yield shared;
        }
      }
      assert.equal((await store.put(reusing())).sha256, sha256Of(Buffer.from('abcd')));
    });

    test('equal bytes put at the same time are one blob', async () => {
      const store = await create();
      const bytes = randomBytes(50_000);
      const receipts = await Promise.all(Array.from({ length: 8 }, () => store.put(inChunks(bytes))));
      assert.equal(new Set(receipts.map((receipt) => receipt.sha256)).size, 1);
      await store.delete(sha256Of(bytes));
      assert.equal(await store.has(sha256Of(bytes)), false);
    });

    test('any range delivers exactly its bytes', async () => {
      const store = await create();
      const bytes = randomBytes(5000);
      const { sha256 } = await store.put(inChunks(bytes));
      const position = fc.nat(bytes.length + 10);
      await fc.assert(
        fc.asyncProperty(position, position, async (left, right) => {
          const range = { firstByte: Math.min(left, right), lastByte: Math.max(left, right) };
          assert.deepEqual(await read(store, sha256, range), bytes.subarray(range.firstByte, range.lastByte + 1));
        }),
        { numRuns: 30 },
      );
    });

    test('a blob that is not there is reported, and deleting it does nothing', async () => {
      const store = await create();
      const absent = sha256Of(Buffer.from('absent'));
      await assert.rejects(store.open(absent), { code: 'BLOB_NOT_FOUND' });
      assert.deepEqual([await store.stat(absent), await store.has(absent)], [null, false]);
      await assert.doesNotReject(store.delete(absent));
    });

    test('a name that is no digest is the name of nothing', async () => {
      const store = await create();
      for (const name of ['', '..', '../../etc/passwd', 'incoming', 'A'.repeat(64), `${'a'.repeat(64)}\n`]) {
        await assert.rejects(store.open(name), { code: 'BLOB_NOT_FOUND' });
        assert.equal(await store.stat(name), null);
        await assert.doesNotReject(store.delete(name));
      }
    });

    test('a source that fails leaves nothing behind', async () => {
      const store = await create();
      const bytes = Buffer.from('half of it');
      await assert.rejects(store.put(failingAfter(bytes)), /the source broke/);
      assert.equal(await store.has(sha256Of(bytes)), false);
    });

    test('an aborted put keeps nothing', async () => {
      const store = await create();
      const controller = new AbortController();
      const bytes = Buffer.from('ab');
      async function* aborting(): AsyncGenerator<Uint8Array> {
        yield bytes.subarray(0, 1);
        controller.abort(new Error('stopped'));
        yield bytes.subarray(1);
      }
      await assert.rejects(store.put(aborting(), { signal: controller.signal }), /stopped/);
      assert.equal(await store.has(sha256Of(bytes)), false);
    });

    test('a reader that has begun is not disturbed by a delete', async () => {
      const store = await create();
      const bytes = randomBytes(500_000);
      const { sha256 } = await store.put(inChunks(bytes));
      const stream = await store.open(sha256);
      await store.delete(sha256);
      assert.deepEqual(await buffer(stream), bytes);
    });
  });
};
