import { KaziError } from '../core/errors.ts';
import type { Principal } from '../core/principal.ts';
import type { WorkspaceFile } from '../core/worker.ts';
import { getSessionArtifact, listSessionArtifacts } from '../storage/artifacts.ts';
import type { ActionContext, OpenWorkspaceFile } from './context.ts';
import { findWorker } from './find-worker.ts';

/** The files of a session's workspace, sorted by path; where this node does not have it, what its jobs handed over. */
export const listWorkerFiles = async (
  context: ActionContext,
  sessionNum: number,
  limit: number,
): Promise<readonly WorkspaceFile[]> =>
  (await context.workspaceFiles.list(sessionNum, limit)) ?? (await listSessionArtifacts(context.db, sessionNum, limit));

/**
 * One file of a worker, for the caller to close. Throws as findWorker does, then FILE_NOT_FOUND; `toPath` decodes the path after
 * ownership is clear.
 */
export const openWorkerFile = async (
  context: ActionContext,
  principal: Principal,
  { id, toPath }: { readonly id: string; readonly toPath: () => string },
): Promise<OpenWorkspaceFile> => {
  const { session } = await findWorker(context, principal, id);
  const path = toPath();
  const found = await context.workspaceFiles.open(session.num, path);
  if (found === null) throw new KaziError('FILE_NOT_FOUND');
  if (found !== 'elsewhere') return found;
  const artifact = await getSessionArtifact(context.db, session.num, path);
  if (!artifact) throw new KaziError('FILE_NOT_FOUND');
  return {
    path,
    sizeBytes: artifact.sizeBytes,
    sha256: artifact.sha256,
    read: async (part) => await context.blobs.open(artifact.sha256, part),
    close: async () => await Promise.resolve(),
  };
};
