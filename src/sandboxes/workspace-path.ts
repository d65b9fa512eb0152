import { KaziError } from '../core/errors.ts';

/** Where a workspace is inside every sandbox. */
export const WORKSPACE_PATH = '/workspace';

const MAX_PATH_BYTES = 4096;
const MAX_NAME_BYTES = 255;

/**
 * Splits a path that came from an agent or a client into names below the workspace; the workspace itself is the empty list.
 * Throws SANDBOX_PATH_REFUSED for whatever could name something else: `..`, an absolute path elsewhere, a NUL.
 */
export const parseWorkspacePath = (path: string): readonly string[] => {
  const relative = stripWorkspace(path);
  if (relative === null || path.includes('\0') || Buffer.byteLength(path) > MAX_PATH_BYTES) throw refusedPath(path);
  const names = relative.split('/').filter((name) => name !== '' && name !== '.');
  if (names.some((name) => name === '..' || Buffer.byteLength(name) > MAX_NAME_BYTES)) throw refusedPath(path);
  return names;
};

/** The error for a path that does not stay inside the workspace, or that goes through a link. */
export const refusedPath = (path: string, cause?: unknown): KaziError =>
  new KaziError('SANDBOX_PATH_REFUSED', { found: path }, { cause });

const stripWorkspace = (path: string): string | null => {
  if (!path.startsWith('/')) return path;
  if (path === WORKSPACE_PATH) return '';
  return path.startsWith(`${WORKSPACE_PATH}/`) ? path.slice(WORKSPACE_PATH.length + 1) : null;
};
