import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { KaziError } from '../../core/errors.ts';
import type { BlobReceipt, BlobStore, ByteRange, PutOptions } from '../store.ts';

/** Keeps blobs in this process until it ends. For tests, and for servers that are thrown away. */
export class MemoryBlobStore implements BlobStore {
  readonly #blobs = new Map<string, Buffer>();

  async put(source: AsyncIterable<Uint8Array>, { signal }: PutOptions = {}): Promise<BlobReceipt> {
    const chunks: Uint8Array[] = [];
    signal?.throwIfAborted();
    for await (const chunk of source) {
      signal?.throwIfAborted();
      // A copy: the source may reuse its buffer.
      chunks.push(Buffer.from(chunk));
    }
    const bytes = Buffer.concat(chunks);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    this.#blobs.set(sha256, bytes);
    return { sha256, sizeBytes: bytes.length };
  }

  async open(sha256: string, range?: ByteRange): Promise<Readable> {
    const bytes = this.#blobs.get(sha256);
    if (bytes === undefined) throw new KaziError('BLOB_NOT_FOUND', { sha256 });
    const part = range === undefined ? bytes : bytes.subarray(range.firstByte, range.lastByte + 1);
    return Readable.from([part], { objectMode: false });
  }

  async stat(sha256: string): Promise<BlobReceipt | null> {
    const bytes = this.#blobs.get(sha256);
    return bytes === undefined ? null : { sha256, sizeBytes: bytes.length };
  }

  async has(sha256: string): Promise<boolean> {
    return this.#blobs.has(sha256);
  }

  async delete(sha256: string): Promise<void> {
    this.#blobs.delete(sha256);
  }
}
