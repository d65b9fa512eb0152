import { Worker } from 'node:worker_threads';
import type { PageMarkdown } from '../../../core/page-to-markdown.ts';

const TIMEOUT_MS = 10_000;
const MAX_MEMORY_MEBIBYTES = 256;

/**
 * Converts a page in a thread of its own, which is ended after 10 s or 256 MiB: a page may be made to take hours, and the
 * server must go on meanwhile. Null when it could not be converted; rejects for an abort only.
 */
export const htmlToMarkdown = async (page: {
  readonly html: string;
  readonly url: string;
  readonly signal: AbortSignal;
  readonly timeoutMs?: number | undefined;
}): Promise<PageMarkdown | null> => {
  const { html, url, signal, timeoutMs = TIMEOUT_MS } = page;
  signal.throwIfAborted();
  const worker = new Worker(new URL('html-worker.ts', import.meta.url), {
    workerData: { html, url },
    env: {},
    execArgv: [],
    stdout: true,
    stderr: true,
    resourceLimits: { maxOldGenerationSizeMb: MAX_MEMORY_MEBIBYTES },
  });
  const limit = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  const stop = (): void => void worker.terminate();
  limit.addEventListener('abort', stop, { once: true });
  try {
    const converted = await new Promise<PageMarkdown | null>((resolve) => {
      worker.once('message', resolve);
      // Too deep a nesting, or out of memory.
      worker.once('error', () => resolve(null));
      worker.once('exit', () => resolve(null));
    });
    signal.throwIfAborted();
    return converted;
  } finally {
    limit.removeEventListener('abort', stop);
    await worker.terminate();
  }
};
