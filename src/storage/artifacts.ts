import type { ArtifactEntry } from '../core/artifact.ts';
import type { Queryable } from './database.ts';

interface ArtifactRow {
  path: string;
  sha256: string;
  size_bytes: number;
  content_type: string | null;
  modified_at: Date;
  created_at: Date | null;
}

const toArtifact = (row: ArtifactRow): ArtifactEntry => ({
  path: row.path,
  sha256: row.sha256,
  sizeBytes: row.size_bytes,
  contentType: row.content_type,
  modifiedAt: row.modified_at,
  createdAt: row.created_at,
});

/** The manifest of a job, sorted by path. */
export const listArtifacts = async (db: Queryable, jobId: string): Promise<ArtifactEntry[]> =>
  (await db.query<ArtifactRow>('artifacts/list', [jobId])).map(toArtifact);

/** One artifact of a job. */
export const getArtifact = async (db: Queryable, jobId: string, path: string): Promise<ArtifactEntry | undefined> => {
  const [row] = await db.query<ArtifactRow>('artifacts/get', [jobId, path]);
  return row && toArtifact(row);
};

/** The newest artifact of each path that the jobs of a session made, sorted by path. */
export const listSessionArtifacts = async (
  db: Queryable,
  sessionNum: number,
  limit: number,
): Promise<ArtifactEntry[]> =>
  (await db.query<ArtifactRow>('artifacts/list-session', [sessionNum, limit])).map(toArtifact);

/** The newest artifact of one path that a job of a session made. */
export const getSessionArtifact = async (
  db: Queryable,
  sessionNum: number,
  path: string,
): Promise<ArtifactEntry | undefined> => {
  const [row] = await db.query<ArtifactRow>('artifacts/get-session', [sessionNum, path]);
  return row && toArtifact(row);
};
