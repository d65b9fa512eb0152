import type { Readable } from 'node:stream';
import type { Logger } from 'pino';
import type { BlobStore } from '../blobs/store.ts';
import type { Job } from '../core/job.ts';
import type { ModelCatalog } from '../core/model-catalog.ts';
import type { RateLimits } from '../core/rate-limit.ts';
import type { Keyring } from '../core/sealed-text.ts';
import type { SigningSecret } from '../core/session-token.ts';
import type { WorkspaceFile } from '../core/worker.ts';
import type { Database } from '../storage/database.ts';
import type { Notifications } from '../storage/notifications.ts';
import type { ApiKeyCache } from './api-key-cache.ts';
import type { Directory } from './directory.ts';
import type { JobIntake } from './job-intake.ts';
import type { RequestCounts } from './request-counts.ts';

/** What every action works with; src/app builds the one of the process. */
export interface ActionContext {
  readonly db: Database;
  readonly log: Logger;
  readonly notifications: Notifications;
  readonly intake: JobIntake;
  readonly directory: Directory;
  readonly apiKeys: ApiKeyCache;
  readonly requestCounts: RequestCounts;
  readonly rateLimits: RateLimits;
  readonly blobs: BlobStore;
  readonly signingSecrets: readonly SigningSecret[];
  /** Seals what is stored and must not be read: the vault, credentials of webhooks. */
  readonly keyring: Keyring;
  /** Why webhooks may not go to the host of a URL, as its name resolves now; null when they may, or nobody knows the name. */
  readonly webhookRefusal: (url: string) => Promise<string | null>;
  /** Agent of a job that names none. */
  readonly defaultAgent: string;
  /** Most schedules of a tenant. */
  readonly maxSchedules: number;
  /** What the operator allows where a session or tenant has no limit of its own. */
  readonly budgets: OperatorBudgets;
  readonly sessions: SessionRules;
  readonly workspaceForks: WorkspaceForks;
  readonly batches: BatchRules;
  readonly mail: MailRules;
  /** Which models profiles may name. */
  readonly models: ModelCatalog;
  /** Files that a job which has not ended has made so far; empty where this node does not have its workspace. */
  readonly listLiveFiles: (job: Job) => Promise<readonly LiveFile[]>;
  readonly workspaceFiles: WorkspaceFiles;
}

/** The workspaces on this node's disk, by the number of their session. Links are never followed out of one. */
export interface WorkspaceFiles {
  /** At most so many, sorted by path; null where the workspace is not on this disk. */
  list(sessionNum: number, limit: number): Promise<readonly WorkspaceFile[] | null>;
  /** Null when no regular file that may be given away is there; `elsewhere` where the workspace is not on this disk. */
  open(sessionNum: number, path: string): Promise<OpenWorkspaceFile | 'elsewhere' | null>;
  /** Makes or replaces a file, with its folders; false for a path that leads to no place for one. */
  write(sessionNum: number, file: { readonly path: string; readonly bytes: Uint8Array }): Promise<boolean>;
}

/** A file that is held open: its digest is that of what `read` gives. */
export interface OpenWorkspaceFile {
  readonly path: string;
  readonly sizeBytes: number;
  readonly sha256: string;
  /** All of it, or one part with both ends included. Closes the file when it has been read. */
  read(part?: { readonly firstByte: number; readonly lastByte: number }): Promise<Readable>;
  close(): Promise<void>;
}

/** Copies of workspaces for sessions to be, on this node's disk; see src/workspaces/workspace-forks.ts. */
export interface WorkspaceForks {
  copy(sourceNum: number, targetNum: number): Promise<void>;
  keep(targetNum: number): Promise<void>;
  discard(targetNum: number): Promise<void>;
  listUndecided(minAgeMs: number): Promise<readonly number[]>;
}

/** Amounts are micro-dollars; null = no limit. */
export interface OperatorBudgets {
  readonly sessionMaxRequests: number | null;
  readonly sessionMaxCostMicros: number | null;
  readonly tenantMaxCostMicros: number | null;
}

/** What the operator says of mail. */
export interface MailRules {
  /** Domain of the addresses of workers, in lower case. */
  readonly domain: string;
  /** Turns a minute that a sender may make in a tenant; null = as many as it likes. */
  readonly mostPerMinute: number | null;
  /** False: mails make turns that are not answered. */
  readonly canAnswer: boolean;
  /** Artifacts up to this size together are attached to an answer. */
  readonly attachBytes: number;
}

/** What the operator allows in a batch. */
export interface BatchRules {
  readonly mostItems: number;
  /** Model calls of one item. */
  readonly mostSteps: number;
  /** Jobs that run at once of a tenant without a limit of its own. */
  readonly tenantCap: number;
}

/** What the operator allows in a session. */
export interface SessionRules {
  /** Prompts that may wait in one session. */
  readonly mostPrompts: number;
  /** How long each waits before it is dropped. */
  readonly promptKeepMs: number;
  /** False: runs are not stopped through their session. */
  readonly canStop: boolean;
}

/** A file of a workspace whose job still runs: it may change, so it has no digest. */
export interface LiveFile {
  readonly path: string;
  readonly sizeBytes: number;
  readonly modifiedAt: Date;
}
