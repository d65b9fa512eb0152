import type { Readable } from 'node:stream';

/** What a store knows about the bytes that it took in. */
export interface BlobReceipt {
  /** Lower-case hex; the name of the blob from now on. */
  readonly sha256: string;
  readonly sizeBytes: number;
}

/** A part of a blob. Both ends are included, as in an HTTP Range; what lies beyond the blob's end is not delivered. */
export interface ByteRange {
  readonly firstByte: number;
  readonly lastByte: number;
}

export interface PutOptions {
  readonly signal?: AbortSignal;
}

/**
 * Keeps immutable bytes under their own digest. Equal bytes are kept once, whoever puts them, so whether a blob may be
 * read is decided by the record that names it, never here. Names that are no SHA-256 in lower-case hex are names of nothing.
 */
export interface BlobStore {
  /** Takes in everything that the source yields. After it resolves, the blob survives a crash; if it rejects, nothing is kept. */
  readonly put: (source: AsyncIterable<Uint8Array>, options?: PutOptions) => Promise<BlobReceipt>;
  /** Rejects with BLOB_NOT_FOUND. The caller must read the stream to its end or destroy it. */
  readonly open: (sha256: string, range?: ByteRange) => Promise<Readable>;
  /** Null when there is no such blob. */
  readonly stat: (sha256: string) => Promise<BlobReceipt | null>;
  readonly has: (sha256: string) => Promise<boolean>;
  /** Does nothing when there is no such blob. Streams that are already open go on. */
  readonly delete: (sha256: string) => Promise<void>;
}
