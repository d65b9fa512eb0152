import { createHash, randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, lstat, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { isSha256 } from '../../core/digest.ts';
import { KaziError } from '../../core/errors.ts';
import type { BlobReceipt, BlobStore, ByteRange, PutOptions } from '../store.ts';

const FOLDER_MODE = 0o700;
const FILE_MODE = 0o600;
const INCOMING = 'incoming';

/**
 * Keeps each blob in a file of its own, `<folder>/ab/cdef…`, readable by this user only. Several processes may share
 * the folder. Bytes arrive in `<folder>/incoming` and are renamed into place when they are complete and on the disk.
 */
export class DiskBlobStore implements BlobStore {
  readonly #folder: string;

  /** The folder is created when the first blob arrives. */
  constructor(folder: string) {
    this.#folder = resolve(folder);
  }

  async put(source: AsyncIterable<Uint8Array>, options: PutOptions = {}): Promise<BlobReceipt> {
    const incoming = join(this.#folder, INCOMING);
    await createFolder(incoming);
    const draft = join(incoming, randomUUID());
    try {
      const receipt = await writeDraft({ draft, source, signal: options.signal });
      await this.#publish(draft, receipt);
      return receipt;
    } finally {
      await rm(draft, { force: true });
    }
  }

  async open(sha256: string, range?: ByteRange): Promise<Readable> {
    const handle = await this.#openFile(sha256);
    if (handle === null) throw new KaziError('BLOB_NOT_FOUND', { sha256 });
    try {
      return handle.createReadStream(range === undefined ? {} : { start: range.firstByte, end: range.lastByte });
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  async stat(sha256: string): Promise<BlobReceipt | null> {
    const found = isSha256(sha256) ? await lstat(this.#pathOf(sha256)).catch(nullWhenAbsent) : null;
    return found?.isFile() ? { sha256, sizeBytes: found.size } : null;
  }

  async has(sha256: string): Promise<boolean> {
    return (await this.stat(sha256)) !== null;
  }

  async delete(sha256: string): Promise<void> {
    if (isSha256(sha256)) await rm(this.#pathOf(sha256), { force: true });
  }

  /** Removes what crashed processes left half-written before the given time; returns how many files that were. */
  async removeAbandoned(before: Date): Promise<number> {
    const incoming = join(this.#folder, INCOMING);
    const names = (await readdir(incoming).catch(nullWhenAbsent)) ?? [];
    let removed = 0;
    for (const name of names) {
      const path = join(incoming, name);
      const found = await lstat(path).catch(nullWhenAbsent);
      if (found === null || found.mtime >= before) continue;
      await rm(path, { force: true });
      removed += 1;
    }
    return removed;
  }

  #pathOf(sha256: string): string {
    return join(this.#folder, sha256.slice(0, 2), sha256.slice(2));
  }

  async #openFile(sha256: string): Promise<FileHandle | null> {
    if (!isSha256(sha256)) return null;
    return await open(this.#pathOf(sha256), constants.O_RDONLY | constants.O_NOFOLLOW).catch(nullWhenAbsent);
  }

  /** The rename also replaces an equal blob: cheaper than asking first, and it heals one that the disk has damaged. */
  async #publish(draft: string, { sha256 }: BlobReceipt): Promise<void> {
    const folder = join(this.#folder, sha256.slice(0, 2));
    await createFolder(folder);
    await rename(draft, this.#pathOf(sha256));
    await syncFolder(folder);
  }
}

interface Draft {
  readonly draft: string;
  readonly source: AsyncIterable<Uint8Array>;
  readonly signal: AbortSignal | undefined;
}

const writeDraft = async ({ draft, source, signal }: Draft): Promise<BlobReceipt> => {
  signal?.throwIfAborted();
  const handle = await open(draft, 'wx', FILE_MODE);
  try {
    const hash = createHash('sha256');
    let sizeBytes = 0;
    for await (const chunk of source) {
      signal?.throwIfAborted();
      hash.update(chunk);
      await handle.writeFile(chunk);
      sizeBytes += chunk.length;
    }
    await handle.sync();
    return { sha256: hash.digest('hex'), sizeBytes };
  } finally {
    await handle.close();
  }
};

/** Creates the folder and its parents where they are missing, and makes the new names durable. */
const createFolder = async (folder: string): Promise<void> => {
  const outermost = await mkdir(folder, { recursive: true, mode: FOLDER_MODE });
  if (outermost === undefined) return;
  const end = dirname(outermost);
  for (let parent = dirname(folder); parent.length >= end.length; parent = dirname(parent)) {
    await syncFolder(parent);
    if (parent === end) return;
  }
};

/** A new name is durable only when its folder is on the disk too. */
const syncFolder = async (folder: string): Promise<void> => {
  const handle = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
};

const nullWhenAbsent = (error: NodeJS.ErrnoException): null => {
  // A link in place of a blob (ELOOP) was not put there by a store, so it is no blob.
  if (error.code === 'ENOENT' || error.code === 'ELOOP') return null;
  throw error;
};
