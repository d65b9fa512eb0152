import { gzipSync } from 'node:zlib';
import { isArtifactPath } from '../core/artifact-path.ts';
import { isTerminal } from '../core/job.ts';
import type { ApiClient } from './client.ts';
import { CommandFailure } from './exit-code.ts';
import { followJob } from './follow-job.ts';

/** A file that is put into a session's workspace. */
export interface SentFile {
  /** Path in the workspace. */
  readonly name: string;
  readonly content: Uint8Array;
}

/** Base64 in one script: with the lines around it, it stays below the 20,000 characters of an input. */
const PART_CHARACTERS = 18_000;
/** Compressed, all files together: some seventy small jobs. Beyond that a script should fetch its data itself. */
const MAX_BYTES = 1024 * 1024;

/**
 * Shell scripts that, run one after the other in one workspace, leave the files there. The API has no upload, but a
 * `shell` job can write any file that fits into its input. Each script may be run again from its start, as a job whose
 * node died is. Throws CommandFailure (usage) for what cannot be sent.
 */
export const fileScripts = (files: readonly SentFile[]): readonly string[] => {
  const packed = files.map((file) => ({ ...file, bytes: gzipSync(file.content, { level: 9 }) }));
  const total = packed.reduce((sum, { bytes }) => sum + bytes.length, 0);
  if (total > MAX_BYTES) {
    throw new CommandFailure(
      'usage',
      `found ${total} bytes of files after compression, expected at most ${MAX_BYTES}; let the job fetch them, or send less`,
    );
  }
  return packed.flatMap(({ name, bytes }, index) => scriptsOf({ name, bytes, folder: `.kazi-parts/${index}` }));
};

/** Runs those scripts as jobs of the session, and resolves when the files are there. */
export const sendFiles = async (
  client: ApiClient,
  options: { readonly files: readonly SentFile[]; readonly sessionId: string; readonly signal: AbortSignal },
): Promise<{ readonly jobs: number }> => {
  const { files, sessionId, signal } = options;
  const scripts = fileScripts(files);
  const jobIds: string[] = [];
  for (const question of scripts) {
    const metadata = { purpose: 'kazi run --file' };
    jobIds.push(await client.submitJob({ question, agent_type: 'shell', session_id: sessionId, metadata }, signal));
  }
  for (const jobId of jobIds) await expectCompletion(client, jobId, signal);
  return { jobs: jobIds.length };
};

const scriptsOf = (file: { readonly name: string; readonly bytes: Uint8Array; readonly folder: string }): string[] => {
  const { name, bytes, folder } = file;
  if (!isArtifactPath(name) || /\p{Cc}/u.test(name)) {
    throw new CommandFailure(
      'usage',
      `found the file name ${JSON.stringify(name)}, expected one without control characters; rename the file`,
    );
  }
  const parts =
    Buffer.from(bytes)
      .toString('base64')
      .match(new RegExp(`.{1,${PART_CHARACTERS}}`, 'g')) ?? [];
  return parts.map((part, index) => {
    const path = `${folder}/${String(index).padStart(4, '0')}`;
    const lines = ['set -e', `mkdir -p ${folder}`, `base64 -d > ${path} <<'KAZI'`, part, 'KAZI'];
    if (index === parts.length - 1) lines.push(...assembly(name, folder));
    return lines.join('\n');
  });
};

/** The parts make the file only when all are there, and go only when the file is whole. */
const assembly = (name: string, folder: string): string[] => {
  const target = quote(`./${name}`);
  const slash = name.lastIndexOf('/');
  return [
    ...(slash > 0 ? [`mkdir -p ${quote(`./${name.slice(0, slash)}`)}`] : []),
    `cat ${folder}/* | gzip -d > ${folder}.whole`,
    `mv ${folder}.whole ${target}`,
    `rm -r ${folder}`,
    // Other files may have parts there that still wait for their own last one.
    'rmdir .kazi-parts 2> /dev/null || true',
  ];
};

const quote = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`;

const expectCompletion = async (client: ApiClient, jobId: string, signal: AbortSignal): Promise<void> => {
  let job = await client.getJob(jobId, signal);
  if (!isTerminal(job.status)) {
    for await (const event of followJob(client, { jobId, signal })) void event;
    job = await client.getJob(jobId, signal);
  }
  if (job.status === 'complete') return;
  throw new CommandFailure(
    'failed',
    `the files could not be sent: job ${jobId} is ${job.status}: ${job.error ?? 'no reason given'}`,
  );
};
