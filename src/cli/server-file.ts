import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

const FILE = 'server.json';
const PROBE_MS = 2_000;

const serverFileSchema = z.object({ url: z.url(), pid: z.int().positive() });
const healthSchema = z.object({ service: z.literal('kazi') });

/** Leaves a note in the data folder about the server that runs on it, for the commands that are called beside it. */
export const writeServerFile = async (dataDir: string, url: string): Promise<void> => {
  await writeFile(join(dataDir, FILE), `${JSON.stringify({ url, pid: process.pid })}\n`, { mode: 0o600 });
};

/** Takes the note back, unless another server has replaced it. */
export const removeServerFile = async (dataDir: string): Promise<void> => {
  const noted = await readServerFile(dataDir);
  if (noted?.pid === process.pid) await rm(join(dataDir, FILE), { force: true });
};

/** URL of a kazi that answers and runs on this data folder; null when there is none. A note of a killed server counts for nothing. */
export const findRunningServer = async (dataDir: string): Promise<string | null> => {
  const noted = await readServerFile(dataDir);
  if (noted === null || !isAlive(noted.pid)) return null;
  try {
    const response = await fetch(new URL('/health', noted.url), { signal: AbortSignal.timeout(PROBE_MS) });
    return healthSchema.safeParse(await response.json()).success ? noted.url : null;
  } catch {
    // Nothing listens, or something that is not kazi: the caller goes on without it.
    return null;
  }
};

const readServerFile = async (dataDir: string): Promise<z.infer<typeof serverFileSchema> | null> => {
  const text = await readFile(join(dataDir, FILE), 'utf8').catch(() => '');
  try {
    return serverFileSchema.parse(JSON.parse(text));
  } catch {
    // Absent, or half-written by a server that is just starting.
    return null;
  }
};

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
};
