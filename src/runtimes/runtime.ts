import type { Agent, RuntimeName } from '../core/agent.ts';
import type { ApprovalDecision } from '../core/approval.ts';
import type { ArtifactEntry } from '../core/artifact.ts';
import type { BudgetLevel, JobLimits, ReachedLimit } from '../core/budget.ts';
import type { ClaimedJob, JobOutcome, JobState } from '../core/job.ts';
import type { ContentBlock, JournalEvent, Step } from '../core/journal.ts';
import type { ModelRequestState } from '../core/model-batch.ts';

/** An agent loop. It decides what a job does next; the engine keeps the journal, the lease, the limits and the sandbox. */
export interface Runtime {
  readonly name: RuntimeName;
  /**
   * Runs a job to its end, going on after the steps that earlier attempts finished. Resolves also when the agent failed
   * or `signal` was aborted, with what there is so far; rejects only for a fault of kazi itself, which the engine retries
   * when the error says so.
   */
  run(context: RunContext): Promise<RunResult | RunPark>;
}

/** What the engine hands to a runtime for one attempt of one job. */
export interface RunContext {
  readonly job: ClaimedJob;
  readonly agent: Agent;
  /** What earlier attempts journaled, by ordinal. A finished step must not be run again. */
  readonly journal: ReadonlyMap<number, Step>;
  /** Aborted when the job is canceled, out of time, or no longer this node's. */
  readonly signal: AbortSignal;
  /** Commits events, with the steps and messages that they announce; resolves after the commit. Rejects when the job was lost. */
  write(events: readonly JournalEvent[]): Promise<void>;
  /** Adds output to the log within about 50 ms, gathered with what comes close to it; never waits. */
  emitOutput(output: { readonly step: number; readonly stream: 'stdout' | 'stderr'; readonly text: string }): void;
  /** Adds a piece of what a model is saying to the log, gathered in the same way; it goes when the whole message is written. */
  emitDelta(delta: MessageDelta): void;
  /** True when the next stopIfAsked will end the run: nothing new should begin. */
  readonly isStopAsked: boolean;
  /** To be called before each step: ends the run here when somebody asked for it, and `signal` is aborted then. */
  stopIfAsked(): Promise<void>;
  /**
   * What people said to the run while it worked, to be heard before the step with that ordinal; the same at each attempt.
   * `isAsked`: the step's call is on its way already, so that nothing new can join it.
   */
  takeInputs(ordinal: number, isAsked?: boolean): Promise<readonly string[]>;
  readonly services: RunServices;
  /** The sandbox of this attempt over the session's workspace; opened at the first call. */
  openSandbox(): Promise<RuntimeSandbox>;
}

/** A piece of a message that a model has not finished. */
export interface MessageDelta {
  readonly step: number;
  readonly part: 'text' | 'reasoning' | 'tool_input';
  readonly text: string;
  /** For tool_input: which call. */
  readonly toolCallId?: string;
  readonly toolName?: string;
}

/** What a run may ask of kazi beyond its own journal. Every method is safe to repeat with the same ordinal. */
export interface RunServices {
  /** What this job may take. */
  limits(): Promise<JobLimits>;
  /** What was said in the session before this job, from the newest summary on. */
  history(): Promise<SessionHistory>;
  /** The messages that the job begins with, where they are more than its question; null for most. */
  opening(): Promise<SessionHistory['messages'] | null>;
  /**
   * Holds money for the next model call in every budget that the job counts in, in place of what it held before. Gives
   * what could be held, at most `wantedMicros`; the limit in the way when even `leastMicros` could not.
   */
  holdSpend(hold: {
    readonly wantedMicros: number;
    readonly leastMicros: number;
  }): Promise<{ readonly heldMicros: number } | { readonly reached: ReachedLimit }>;
  /** The requests of this job that somebody was asked to decide, by id. */
  approvals(): Promise<ReadonlyMap<string, ApprovalDecision>>;
  /** What this job has asked through batches at a step, oldest first. */
  modelRequests(ordinal: number): Promise<readonly ModelRequestState[]>;
  /** Hands in work for the same session, at a time; gives its job id. */
  scheduleJob(work: { readonly ordinal: number; readonly input: string; readonly at: Date }): Promise<string>;
  /** Hands in a job of its own session whose cost counts to this one. Refuses in words when depth or count is used up. */
  spawnJob(work: {
    readonly ordinal: number;
    readonly input: string;
    readonly agent: string | null;
    readonly budget: BudgetLevel | null;
  }): Promise<ChildJob | { readonly refusal: string }>;
  /** Freezes files of the workspace as artifacts of the job now; null for a path that holds no regular file. */
  publish(path: string): Promise<ArtifactEntry | null>;
}

/** A job that this one spawned. */
export interface ChildJob {
  readonly id: string;
  readonly sessionId: string;
  readonly state: JobState;
  /** Its answer, once complete. */
  readonly text: string | null;
  readonly error: string | null;
  readonly artifacts: readonly string[];
}

export interface SessionHistory {
  /** In place of all that was said before `messages`; null when nothing was summarized. */
  readonly summary: string | null;
  readonly messages: readonly {
    readonly seq: number;
    readonly role: 'user' | 'assistant';
    readonly content: readonly ContentBlock[];
  }[];
}

/** The part of a sandbox that an agent may use: files and commands. Lifecycle, limits and network stay with the engine. */
export interface RuntimeSandbox {
  /** Path of the workspace as commands see it. Paths below are relative to it, or begin with it; links are never followed (SANDBOX_PATH_REFUSED). */
  readonly workspacePath: string;
  run(command: {
    readonly script: string;
    readonly timeoutMs?: number | undefined;
    readonly signal?: AbortSignal | undefined;
    readonly onOutput?: ((chunk: { readonly stream: 'stdout' | 'stderr'; readonly text: string }) => void) | undefined;
  }): Promise<RuntimeCommandResult>;
  /**
   * Starts a program that stays and is talked to by its standard input. It has no time limit of its own: it ends with the
   * sandbox, by `signal` or by kill(). Throws INVALID_REQUEST where the sandbox has no real programs.
   */
  spawn(command: {
    readonly argv: readonly [string, ...string[]];
    readonly env?: Readonly<Record<string, string>> | undefined;
    readonly stdin: 'pipe';
    readonly signal?: AbortSignal | undefined;
    readonly onOutput?: ((chunk: { readonly stream: 'stdout' | 'stderr'; readonly text: string }) => void) | undefined;
  }): Promise<RuntimeProcess>;
  /** A whole file, or its first maxBytes. */
  read(path: string, options?: { readonly maxBytes?: number | undefined }): Promise<Buffer>;
  /** Replaces a file atomically, making its parent folders. */
  write(path: string, content: string | Uint8Array): Promise<void>;
  /** Null when nothing is there. */
  stat(path: string): Promise<RuntimeFile | null>;
  /** Entries below a folder, in order of their paths. */
  list(
    path?: string,
    options?: { readonly recursive?: boolean | undefined; readonly maxEntries?: number | undefined },
  ): Promise<readonly RuntimeFile[]>;
}

export interface RuntimeProcess {
  readonly result: Promise<RuntimeCommandResult>;
  /** Resolves when the program's standard input has taken the text; rejects once the program has ended. */
  write(text: string): Promise<void>;
  /** Kills the program and all that it started; `result` resolves when they are gone. */
  kill(): void;
}

export interface RuntimeFile {
  /** Relative to the workspace, with `/` between the parts. */
  readonly path: string;
  readonly type: 'file' | 'directory' | 'link' | 'other';
  readonly bytes: number;
  readonly modifiedAt: Date;
}

export interface RuntimeCommandResult {
  /** Null when kazi ended the command. */
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly timedOut: boolean;
  readonly aborted: boolean;
  /** The limit that ended the command, if one did. */
  readonly limit: string | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly durationMs: number;
}

export interface RunResult {
  readonly state: 'complete' | 'failed';
  /** What went wrong, for the job's `error`; null when complete. */
  readonly error: string | null;
  /** Committed together with the end of the job: the last message, the last step. */
  readonly events: readonly JournalEvent[];
  readonly outcome: Omit<JobOutcome, 'durationMs'>;
}

/** The job waits for somebody or something without holding a process; it is woken by that, or after the time. */
export interface RunPark {
  readonly state: 'parked';
  readonly reason: string;
  readonly wakeAfterMs: number;
}
