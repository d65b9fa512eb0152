import { Worker } from 'node:worker_threads';
import type { IncomingMail } from '../core/mail.ts';

const TIMEOUT_MS = 30_000;
const MAX_MEMORY_MEBIBYTES = 256;

/**
 * Reads a mail in a thread of its own, which is ended after 30 s or 256 MiB: a mail may be made to take hours, and reading
 * an honest one of 25 MB takes a second and a half, in which the server must go on. Null when it could not be read.
 */
export const parseMail = async (raw: Uint8Array, timeoutMs = TIMEOUT_MS): Promise<IncomingMail | null> => {
  const worker = new Worker(new URL('mail-worker.ts', import.meta.url), {
    workerData: { raw },
    env: {},
    execArgv: [],
    stdout: true,
    stderr: true,
    resourceLimits: { maxOldGenerationSizeMb: MAX_MEMORY_MEBIBYTES },
  });
  const limit = setTimeout(() => void worker.terminate(), timeoutMs);
  try {
    return await new Promise<IncomingMail | null>((resolve) => {
      worker.once('message', resolve);
      // Too deep a nesting, or out of memory.
      worker.once('error', () => resolve(null));
      worker.once('exit', () => resolve(null));
    });
  } finally {
    clearTimeout(limit);
    await worker.terminate();
  }
};
