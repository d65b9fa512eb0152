import type { ArtifactEntry } from '../core/artifact.ts';
import { KaziError } from '../core/errors.ts';
import { hasEnded } from '../core/job-end.ts';
import type { Principal } from '../core/principal.ts';
import { getArtifact, listArtifacts } from '../storage/artifacts.ts';
import type { ActionContext, LiveFile } from './context.ts';
import { findJob, type JobReference } from './find-job.ts';

/** The files of a job: its manifest, or what is in its workspace so far. Throws as findJob does. */
export const listJobFiles = async (
  context: ActionContext,
  principal: Principal,
  reference: JobReference,
): Promise<{ readonly frozen: readonly ArtifactEntry[] } | { readonly live: readonly LiveFile[] }> => {
  const job = await findJob(context, principal, reference);
  if (hasEnded(job)) return { frozen: await listArtifacts(context.db, job.id) };
  return { live: await context.listLiveFiles(job) };
};

/** One artifact. Throws as findJob does, then ARTIFACT_NOT_FOUND; `toPath` decodes the path after ownership is clear. */
export const readArtifact = async (
  context: ActionContext,
  principal: Principal,
  artifact: JobReference & { readonly toPath: () => string },
): Promise<ArtifactEntry> => {
  const job = await findJob(context, principal, artifact);
  const entry = await getArtifact(context.db, job.id, artifact.toPath());
  if (!entry) throw new KaziError('ARTIFACT_NOT_FOUND');
  return entry;
};
