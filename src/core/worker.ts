import type { BudgetLevel } from './budget.ts';
import type { EventType } from './event.ts';
import type { JsonSchema } from './json-schema.ts';

/** What a worker has beyond its session. */
export interface Worker {
  /** Also that of its session. */
  readonly id: string;
  readonly tenantId: string;
  readonly mailToken: string;
  /** Null = the beginning of its first input. */
  readonly title: string | null;
  readonly summary: string;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** What the turns of a worker run with. */
export interface WorkerSettings {
  /** Empty = those of the agent. */
  readonly instructions: string;
  readonly outputSchema: JsonSchema | null;
}

/** One entry of a worker's log that people get to see. */
export interface WorkerEvent {
  readonly seq: number;
  readonly jobId: string | null;
  readonly type: EventType;
  readonly data: Readonly<Record<string, unknown>>;
  readonly at: Date;
  readonly message: { readonly role: 'user' | 'assistant'; readonly content: unknown } | null;
  /** Of the message. */
  readonly messageId?: string | null;
}

/** A file of a workspace. */
export interface WorkspaceFile {
  readonly path: string;
  readonly sizeBytes: number;
}

/** What a session is doing, and its newest turn. */
export interface WorkerActivity {
  /** True while a run is active, waits for a person, or is due. */
  readonly isBusy: boolean;
  /** The job of the newest turn; one whose time has not come is passed over while there is another. */
  readonly newestJobId: string;
  readonly budget: BudgetLevel | null;
  /** The job that the session works on; while it waits in the queue, the next one. Null when idle. */
  readonly currentJobId: string | null;
  readonly newestSeq: number;
}

/** Sums over all turns of a worker, with all that they spawned. */
export interface WorkerUsage {
  readonly modelCalls: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cacheReadTokens: number;
  readonly cacheWriteTokens: number;
  readonly reasoningTokens: number;
  /** Micro-dollars of the calls whose price is known. */
  readonly costMicros: number;
  /** The part of it that kazi spent for itself: summaries of long conversations. */
  readonly internalCostMicros: number;
  readonly hasUnknownCost: boolean;
}
