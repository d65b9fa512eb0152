import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { type Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { isArtifactPath } from '../core/artifact-path.ts';
import { parseJobId } from '../core/job-id.ts';
import type { ApiClient } from './client.ts';
import { CommandFailure } from './exit-code.ts';
import type { WireArtifact, WireJob } from './wire.ts';

/**
 * Saves the artifacts of a job below `<folder>/<job id>/` and resolves to that folder; null when there are none. A server
 * names the files, so each name is checked here too; a file appears whole or not at all, and is what its checksum says.
 */
export const downloadArtifacts = async (
  client: ApiClient,
  job: WireJob,
  options: { readonly folder: string; readonly signal: AbortSignal },
): Promise<string | null> => {
  const files = job.artifacts?.files ?? [];
  if (files.length === 0) return null;
  const target = resolve(options.folder, parseJobId(job.job_id));
  for (const file of files) {
    if (!isArtifactPath(file.path)) {
      throw new CommandFailure(
        'failed',
        `found the artifact path ${JSON.stringify(file.path)}, expected a path inside the job's folder; nothing more was saved`,
      );
    }
    const body = await client.openArtifact(job.job_id, file.path, options.signal);
    await save(body, { file, path: join(target, file.path), signal: options.signal });
  }
  return target;
};

const save = async (
  body: Readable,
  { file, path, signal }: { readonly file: WireArtifact; readonly path: string; readonly signal: AbortSignal },
): Promise<void> => {
  await mkdir(dirname(path), { recursive: true });
  const draft = `${path}.part-${process.pid}`;
  const hash = createHash('sha256');
  const meter = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      done(null, chunk);
    },
  });
  try {
    await pipeline(body, meter, createWriteStream(draft, { flags: 'wx' }), { signal });
    const digest = hash.digest('hex');
    if (typeof file.checksum_sha256 === 'string' && digest !== file.checksum_sha256) {
      throw new CommandFailure(
        'failed',
        `artifact "${file.path}": found the SHA-256 ${digest}, expected ${file.checksum_sha256}; run "kazi jobs get" and download it again`,
      );
    }
    await rename(draft, path);
  } finally {
    await rm(draft, { force: true });
  }
};
