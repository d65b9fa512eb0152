import type { JobState } from './job.ts';

/** What the model calls of a run add up to; each null when no call said. */
export interface RunUsage {
  readonly calls: number;
  /** Null when the price of any call is unknown. */
  readonly costMicros: number | null;
  readonly inputTokens: number | null;
  readonly cacheReadTokens: number | null;
  readonly cacheWriteTokens: number | null;
  readonly outputTokens: number | null;
  readonly reasoningTokens: number | null;
}

/** A job of a session with a profile. */
export interface Run {
  readonly jobId: string;
  readonly num: number;
  readonly tenantId: string;
  readonly sessionId: string;
  readonly sessionNum: number;
  readonly userId: string | null;
  readonly state: JobState;
  readonly attempts: number;
  readonly metadata: Readonly<Record<string, unknown>> | null;
  readonly error: string | null;
  readonly stopReason: string | null;
  readonly createdAt: Date;
  readonly startedAt: Date | null;
  readonly endedAt: Date | null;
  readonly firstOutputAt: Date | null;
  /** The batch whose item it is; null for a run that came another way. */
  readonly batchId: string | null;
  readonly usage: RunUsage;
}

/** A message of a session with a profile. */
export interface SaidMessage {
  readonly id: string;
  readonly role: 'user' | 'system' | 'assistant';
  readonly content: unknown;
  readonly createdAt: Date;
  /** Its place in what it was listed from. */
  readonly seq: number;
  readonly sessionId: string;
  readonly jobId: string | null;
  /** True for a message of an item of a batch. */
  readonly isItem: boolean;
  /** The model that said it, where it is an answer. */
  readonly model: string | null;
  /** For the result of a tool: which one it was. */
  readonly toolName: string | null;
  readonly name: string | null;
  readonly otid: string | null;
  readonly senderId: string | null;
  readonly groupId: string | null;
}
