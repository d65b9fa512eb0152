import type { FileHandle } from 'node:fs/promises';
import type { ArtifactEntry } from '../core/artifact.ts';
import { artifactContentType } from '../core/artifact-download.ts';
import { isArtifactPath } from '../core/artifact-path.ts';
import { openFileInside } from './open-folder.ts';
import { changedFiles, scanWorkspace, type WorkspaceScan } from './scan.ts';

/** Where published bytes go; every blob store is one. */
export interface BlobSink {
  readonly put: (
    source: AsyncIterable<Uint8Array>,
    options: { readonly signal?: AbortSignal },
  ) => Promise<{ readonly sha256: string; readonly sizeBytes: number }>;
}

export interface PublishLimits {
  readonly maxFiles: number;
  readonly maxFileBytes: number;
  readonly maxTotalBytes: number;
}

export interface Publishing {
  /** The workspace. */
  readonly root: string;
  /** The workspace as it was before the job ran. */
  readonly before: WorkspaceScan;
  readonly blobs: BlobSink;
  readonly limits: PublishLimits;
  readonly signal?: AbortSignal;
}

/** Why a changed file is not among the artifacts. */
export type SkipReason =
  /** Its name could not be requested by any URL. */
  | 'unservable_name'
  /** It vanished, or was swapped for something that is no regular file, since the scan. */
  | 'not_a_file'
  /** Another name outside the workspace leads to the same file, so it may not be the job's to give away. */
  | 'linked_outside'
  | 'too_large'
  | 'too_many';

export interface SkippedFile {
  readonly path: string;
  readonly reason: SkipReason;
}

export interface Publication {
  /** Sorted by path. */
  readonly entries: readonly ArtifactEntry[];
  /** Sorted by path. */
  readonly skipped: readonly SkippedFile[];
}

/** Keeps every file that was created or changed since the earlier scan as an immutable blob. Links are never followed. */
export const publishChanged = async (publishing: Publishing): Promise<Publication> => {
  const after = await scanWorkspace(publishing.root);
  return await publishPaths({ ...publishing, paths: changedFiles(publishing.before, after) }, after);
};

/** Keeps files by their names, whether they have changed or not; the same rules hold. */
export const publishNamed = async (publishing: PathPublishing): Promise<Publication> =>
  await publishPaths(publishing, await scanWorkspace(publishing.root));

type PathPublishing = Omit<Publishing, 'before'> & { readonly paths: readonly string[] };

const publishPaths = async (publishing: PathPublishing, after: WorkspaceScan): Promise<Publication> => {
  const { limits } = publishing;
  const linksInside = countLinks(after);
  const entries: ArtifactEntry[] = [];
  const skipped: SkippedFile[] = [];
  let bytesLeft = limits.maxTotalBytes;
  for (const path of publishing.paths) {
    const maxBytes = Math.min(limits.maxFileBytes, bytesLeft);
    const isFull = entries.length >= limits.maxFiles;
    const outcome = isFull ? 'too_many' : await publishFile({ publishing, path, maxBytes, linksInside });
    if (typeof outcome === 'string') {
      skipped.push({ path, reason: outcome });
    } else {
      entries.push(outcome);
      bytesLeft -= outcome.sizeBytes;
    }
  }
  return { entries, skipped };
};

const countLinks = (scan: WorkspaceScan): ReadonlyMap<bigint, number> => {
  const counts = new Map<bigint, number>();
  for (const { inode } of scan.files.values()) counts.set(inode, (counts.get(inode) ?? 0) + 1);
  return counts;
};

interface FilePublishing {
  readonly publishing: Omit<Publishing, 'before'>;
  readonly path: string;
  readonly maxBytes: number;
  readonly linksInside: ReadonlyMap<bigint, number>;
}

const publishFile = async (file: FilePublishing): Promise<ArtifactEntry | SkipReason> => {
  if (!isArtifactPath(file.path)) return 'unservable_name';
  const handle = await openFileInside(file.publishing.root, file.path);
  if (handle === null) return 'not_a_file';
  try {
    return await publishHandle(handle, file);
  } finally {
    await handle.close();
  }
};

/** From here on the path does not matter any more: what is checked, read and described is the one open file. */
const publishHandle = async (handle: FileHandle, file: FilePublishing): Promise<ArtifactEntry | SkipReason> => {
  const found = await handle.stat({ bigint: true });
  // A file that was replaced since the scan is not counted there; its one link is the name it was opened by.
  if (Number(found.nlink) > (file.linksInside.get(found.ino) ?? 1)) return 'linked_outside';
  if (found.size > BigInt(file.maxBytes)) return 'too_large';
  const { blobs, signal } = file.publishing;
  const bytes = readBytes(handle, Number(found.size));
  const receipt = await blobs.put(bytes, signal === undefined ? {} : { signal });
  return {
    path: file.path,
    sha256: receipt.sha256,
    sizeBytes: receipt.sizeBytes,
    contentType: artifactContentType(file.path),
    modifiedAt: found.mtime,
    createdAt: found.birthtimeMs > 0n ? found.birthtime : null,
  };
};

const CHUNK_BYTES = 256 * 1024;

/** The first bytes of a file, as many as it had when it was looked at: a file that grows for ever is not read for ever. */
async function* readBytes(handle: FileHandle, sizeBytes: number): AsyncGenerator<Uint8Array> {
  let position = 0;
  while (position < sizeBytes) {
    const buffer = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, sizeBytes - position));
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, position);
    if (bytesRead === 0) return;
    position += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}
