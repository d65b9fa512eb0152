/** One file of a finished job: an entry of its manifest, pointing into the blob store by its digest. */
export interface ArtifactEntry {
  /** Relative, with `/`, accepted by `isArtifactPath`; unique in its job. */
  readonly path: string;
  readonly sha256: string;
  readonly sizeBytes: number;
  /** By file extension; null when unknown. */
  readonly contentType: string | null;
  readonly modifiedAt: Date;
  /** Null where the file system does not record it. */
  readonly createdAt: Date | null;
}
