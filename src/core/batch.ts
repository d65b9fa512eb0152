import type { ContentBlock } from './journal.ts';

export type BatchStatus = 'running' | 'completed' | 'failed' | 'cancelled';

/** Items of a batch by how they ended; what is missing to `total` has not. */
export interface BatchCounts {
  readonly total: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly cancelled: number;
}

/** Many jobs that were handed in together. */
export interface Batch {
  readonly id: string;
  readonly num: number;
  readonly tenantId: string;
  readonly userId: string | null;
  readonly status: BatchStatus;
  readonly counts: BatchCounts;
  readonly callbackUrl: string | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly completedAt: Date | null;
  /** When any item first said something. */
  readonly firstOutputAt: Date | null;
  /** The newest attempt to call back; null before the first. */
  readonly callback: BatchCallback | null;
}

/** An attempt to tell a client that its batch has ended. */
export interface BatchCallback {
  readonly sentAt: Date;
  readonly status: number | null;
  readonly error: string | null;
}

/** Batches stand behind what people wait for: higher runs earlier within the tenant, and 0 is usual. */
export const BATCH_PRIORITY = -10;

/** What is said to the agent of an item. */
export interface BatchInput {
  /** Of its message, from the beginning. */
  readonly id: string;
  readonly role: 'user' | 'system' | 'assistant';
  readonly content: readonly ContentBlock[];
  readonly name: string | null;
  readonly otid: string;
  readonly senderId: string | null;
  readonly groupId: string | null;
}

/** One request of a batch as its client sends it. */
export interface BatchRequest {
  readonly profileId: string;
  readonly inputs: readonly BatchInput[];
  /** Most model calls, as the client wants it. */
  readonly maxSteps: number;
}
