import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/**
 * The folder that the agents of a session work in: `<dataDir>/workspaces/<number>/files`, created when missing. Sessions
 * are numbered on disk because their ids are chosen by clients and unique per tenant only.
 */
export const prepareWorkspace = async (dataDir: string, sessionNumber: number): Promise<string> => {
  const files = workspaceOf(dataDir, sessionNumber);
  const session = dirname(files);
  // Sandboxes run as other users: these may pass through to their own folder, but not look around.
  await mkdir(session, { recursive: true, mode: 0o711 });
  await mkdir(files, { recursive: true, mode: 0o700 });
  return files;
};

/** Where the workspace of a session is, whether it has been made or not. */
export const workspaceOf = (dataDir: string, sessionNumber: number): string =>
  join(dataDir, 'workspaces', String(sessionNumber), 'files');
