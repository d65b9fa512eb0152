import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * A secret that a server keeps in its data folder, or null when there is none yet. A command of the terminal only reads
 * it: making one is up to the server, which may be started with another folder.
 */
export const readKeptSecret = async (
  dataDir: string,
  name: 'api-key' | 'session-signing-secret',
): Promise<string | null> => {
  try {
    return (await readFile(join(dataDir, 'secrets', name), 'utf8')).trim() || null;
  } catch (error) {
    if (isAbsent(error)) return null;
    throw error;
  }
};

const isAbsent = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
