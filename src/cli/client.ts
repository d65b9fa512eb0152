import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type { ZodType } from 'zod';
import { backoffMs } from '../core/backoff.ts';
import type { Connection } from './connection.ts';
import { CommandFailure, type ExitReason } from './exit-code.ts';
import {
  answers,
  type JobEvent,
  jobSchema,
  type WireAgent,
  type WireApiKey,
  type WireApproval,
  type WireBatch,
  type WireBatchItem,
  type WireBudget,
  type WireJob,
  type WireUsage,
} from './wire.ts';

/** What a submission may say; absent fields take the server's defaults. */
export interface JobRequest {
  readonly question: string;
  readonly agent_type?: string | undefined;
  readonly session_id?: string | undefined;
  readonly metadata?: Readonly<Record<string, unknown>> | undefined;
  readonly budget?: string | undefined;
}

export interface JobListFilter {
  readonly status?: string | undefined;
  readonly session_id?: string | undefined;
  readonly agent_type?: string | undefined;
  readonly limit?: string | undefined;
  readonly cursor?: string | undefined;
}

export interface ApprovalListFilter {
  readonly state?: string | undefined;
  readonly session_id?: string | undefined;
  readonly job_id?: string | undefined;
  readonly limit?: string | undefined;
  readonly cursor?: string | undefined;
}

/** A page of batches, or of the items of one. */
export interface BatchPage {
  readonly limit?: string | undefined;
  /** Id of the last entry of the page before. */
  readonly after?: string | undefined;
}

export interface KeyRequest {
  readonly name: string;
  readonly user_id?: string | undefined;
  readonly scopes?: readonly string[] | undefined;
  readonly expires_at?: number | undefined;
}

/** What a usage report may be asked for; absent fields take the server's defaults. */
export interface UsageQuery {
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly group_by?: string | undefined;
  readonly tz?: string | undefined;
  readonly limit?: string | undefined;
  readonly cursor?: string | undefined;
}

/** Limits to set; null = the default, absent = as it is. */
export interface BudgetLimits {
  readonly max_cost_usd?: number | 'unlimited' | null | undefined;
  readonly max_requests?: number | 'unlimited' | null | undefined;
}

/** One request of a command. */
export interface Request {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
}

/** Tries of a request that is safe to repeat, while the server does not answer. */
const TRIES = 4;

/**
 * The HTTP API as the commands use it. Every method throws CommandFailure: `unreachable` when no server answers, `usage`
 * when it refuses the request as such, `failed` for every other refusal.
 */
export class ApiClient {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  get url(): string {
    return this.#connection.url;
  }

  /** A request that has no method of its own here; its answer is held to the schema. */
  async request<T>(schema: ZodType<T>, request: Request): Promise<T> {
    return await this.#ask(schema, request);
  }

  /** Submits a job once, however often the request has to be sent; resolves to its id. */
  async submitJob(request: JobRequest, signal?: AbortSignal): Promise<string> {
    const headers = { 'idempotency-key': randomUUID() };
    const answer = await this.#ask(answers.submitted, {
      method: 'POST',
      path: '/submit',
      body: request,
      headers,
      signal,
    });
    return answer.job_id;
  }

  async getJob(jobId: string, signal?: AbortSignal): Promise<WireJob> {
    return await this.#ask(jobSchema, { path: jobPath(jobId), signal });
  }

  /** Cancels a job; the answer is the job as it stands then, unchanged when it had ended before. */
  async cancelJob(jobId: string, signal?: AbortSignal): Promise<WireJob> {
    return await this.#ask(jobSchema, { method: 'DELETE', path: jobPath(jobId), signal });
  }

  async listJobs(
    filter: JobListFilter,
  ): Promise<{ readonly jobs: readonly WireJob[]; readonly next_cursor?: string | null | undefined }> {
    return await this.#ask(answers.jobList, { path: `/jobs?${toQuery(filter)}` });
  }

  /** Hands in a batch once, however often the request has to be sent. */
  async createBatch(body: unknown): Promise<WireBatch> {
    const headers = { 'idempotency-key': randomUUID() };
    return await this.#ask(answers.batch, { method: 'POST', path: BATCHES, body, headers });
  }

  async listBatches(page: BatchPage): Promise<readonly WireBatch[]> {
    return await this.#ask(answers.batchList, { path: `${BATCHES}?${toQuery(page)}` });
  }

  async getBatch(batchId: string): Promise<WireBatch> {
    return await this.#ask(answers.batch, { path: batchPath(batchId) });
  }

  async cancelBatch(batchId: string): Promise<void> {
    await this.#ask(answers.nothing, { method: 'PATCH', path: `${batchPath(batchId)}/cancel` });
  }

  async listBatchItems(
    batchId: string,
    page: BatchPage,
  ): Promise<{ readonly items: readonly WireBatchItem[]; readonly next_cursor?: string | null | undefined }> {
    return await this.#ask(answers.batchItems, { path: `${batchPath(batchId)}/items?${toQuery(page)}` });
  }

  /** All items as JSON lines. */
  async downloadBatchItems(batchId: string): Promise<string> {
    return await (await this.#fetchPatiently({ path: `${batchPath(batchId)}/items?format=jsonl` })).text();
  }

  async createKey(request: KeyRequest): Promise<{ readonly key: WireApiKey; readonly api_key: string }> {
    return await this.#ask(answers.keyCreated, { method: 'POST', path: '/keys', body: request });
  }

  async listKeys(): Promise<{ readonly keys: readonly WireApiKey[] }> {
    return await this.#ask(answers.keyList, { path: '/keys' });
  }

  async revokeKey(id: string): Promise<{ readonly key: WireApiKey }> {
    return await this.#ask(answers.key, { method: 'DELETE', path: `/keys/${encodeURIComponent(id)}` });
  }

  async listAgents(): Promise<{ readonly agents: readonly WireAgent[] }> {
    return await this.#ask(answers.agentList, { path: '/agents' });
  }

  /** The newest version where none is named. */
  async getAgent(name: string, version?: string): Promise<{ readonly agent: WireAgent }> {
    const query = version === undefined ? '' : `?version=${encodeURIComponent(version)}`;
    return await this.#ask(answers.agent, { path: `${agentPath(name)}${query}` });
  }

  async listAgentVersions(name: string): Promise<{ readonly versions: readonly WireAgent[] }> {
    return await this.#ask(answers.agentVersions, { path: `${agentPath(name)}/versions` });
  }

  /** Makes an agent, or a new version of it; what it may say is for the server to check. */
  async createAgent(definition: unknown): Promise<{ readonly agent: WireAgent }> {
    return await this.#ask(answers.agent, { method: 'POST', path: '/agents', body: definition });
  }

  async retireAgent(name: string): Promise<{ readonly agent: WireAgent }> {
    return await this.#ask(answers.agent, { method: 'DELETE', path: agentPath(name) });
  }

  async readUsage(query: UsageQuery): Promise<WireUsage> {
    return await this.#ask(answers.usage, { path: `/usage?${toQuery(query)}` });
  }

  /** A page of the report as CSV, with the cursor of the next one. */
  async readUsageCsv(query: UsageQuery): Promise<{ readonly csv: string; readonly nextCursor: string | null }> {
    const response = await this.#fetchPatiently({ path: `/usage?${toQuery({ ...query, format: 'csv' })}` });
    return { csv: await response.text(), nextCursor: response.headers.get('x-next-cursor') };
  }

  async listBudgets(query: {
    readonly kind?: string | undefined;
    readonly limit?: string | undefined;
    readonly cursor?: string | undefined;
  }): Promise<{ readonly budgets: readonly WireBudget[]; readonly next_cursor?: string | null | undefined }> {
    return await this.#ask(answers.budgetList, { path: `/budgets?${toQuery(query)}` });
  }

  /** Sets limits of the tenant itself, of its sessions' default, or of the session or API key with that id. */
  async setBudget(
    target: { readonly kind: string; readonly id: string | undefined },
    limits: BudgetLimits,
  ): Promise<{ readonly budget: WireBudget }> {
    const path = [target.kind, target.id].filter((part) => part !== undefined).map(encodeURIComponent);
    return await this.#ask(answers.budget, { method: 'PUT', path: `/budgets/${path.join('/')}`, body: limits });
  }

  async listApprovals(
    filter: ApprovalListFilter,
  ): Promise<{ readonly approvals: readonly WireApproval[]; readonly next_cursor?: string | null | undefined }> {
    const query = new URLSearchParams(
      Object.entries(filter).filter((entry): entry is [string, string] => Boolean(entry[1])),
    );
    return await this.#ask(answers.approvalList, { path: `/approvals?${query.toString()}` });
  }

  async getApproval(id: string): Promise<{ readonly approval: WireApproval }> {
    return await this.#ask(answers.approval, { path: `/approvals/${encodeURIComponent(id)}` });
  }

  /** Says yes or no to a request; the same once more changes nothing. */
  async decideApproval(
    id: string,
    decision: { readonly decision: 'allow' | 'deny'; readonly message?: string | undefined },
  ): Promise<{ readonly approval: WireApproval }> {
    return await this.#ask(answers.approval, {
      method: 'POST',
      path: `/approvals/${encodeURIComponent(id)}`,
      body: decision,
    });
  }

  /** The bytes of one artifact. The caller reads them to the end or destroys them. */
  async openArtifact(jobId: string, path: string, signal?: AbortSignal): Promise<Readable> {
    const encoded = path.split('/').map(encodeURIComponent).join('/');
    const body = await this.#open({ path: `${jobPath(jobId)}/artifacts/${encoded}`, signal });
    // At once, since it locks the stream: fetch cancels a body that nobody reads when its response is collected.
    return Readable.fromWeb(body);
  }

  /** What is recorded of a job after an event, without waiting for more; empty when that is all. */
  async readEvents(jobId: string, afterSeq: number, signal?: AbortSignal): Promise<readonly JobEvent[]> {
    const headers = { accept: 'application/json' };
    const page = await this.#ask(answers.eventPage, {
      path: `${jobPath(jobId)}/events?after=${afterSeq}`,
      headers,
      signal,
    });
    return page.events;
  }

  /** One connection to a job's events, after the event `afterSeq`. It ends when either side closes it. */
  async openEvents(
    jobId: string,
    options: { readonly afterSeq: number; readonly signal: AbortSignal },
  ): Promise<ReadableStream<Uint8Array>> {
    const headers = { accept: 'text/event-stream', 'last-event-id': String(options.afterSeq) };
    return await this.#open({ path: `${jobPath(jobId)}/events`, headers, signal: options.signal });
  }

  /** The bytes of any answer; null when it has none. The caller locks them before it waits for anything else. */
  async openBody(request: Request): Promise<ReadableStream<Uint8Array> | null> {
    return (await this.#fetch(request)).body;
  }

  /** The caller locks the body before it waits for anything else. */
  async #open(request: Request): Promise<ReadableStream<Uint8Array>> {
    const response = await this.#fetch(request);
    if (response.body === null) throw this.#unexpected(request, 'an empty answer');
    return response.body;
  }

  async #ask<T>(schema: ZodType<T>, request: Request): Promise<T> {
    const response = await this.#fetchPatiently(request);
    const text = await response.text();
    const answer = parseJson(text);
    const parsed = schema.safeParse(answer);
    // The answer itself rather than the parsed copy: `--json` prints it as it came, keys in the server's order.
    if (parsed.success) return answer as T;
    throw this.#unexpected(request, `"${text.slice(0, 80)}"`, parsed.error);
  }

  /** A request may be repeated when that changes nothing: all but the making of keys and agents, which have no idempotency key. */
  async #fetchPatiently(request: Request): Promise<Response> {
    const tries = request.method === 'POST' && ['/keys', '/agents'].includes(request.path) ? 1 : TRIES;
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#fetch(request);
      } catch (error) {
        const isWorthRepeating = error instanceof CommandFailure && error.reason === 'unreachable';
        if (!isWorthRepeating || attempt >= tries) throw error;
        const waitMs = backoffMs({ attempt, firstMs: 100, longestMs: 1_000, random: Math.random });
        await delay(waitMs, undefined, request.signal ? { signal: request.signal } : {});
      }
    }
  }

  async #fetch({ method = 'GET', path, body, headers, signal }: Request): Promise<Response> {
    let response: Response;
    try {
      response = await fetch(new URL(path, this.#connection.url), {
        method,
        headers: {
          ...(this.#connection.apiKey === null ? {} : { authorization: `Bearer ${this.#connection.apiKey}` }),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        body: body === undefined ? null : JSON.stringify(body),
        signal: signal ?? null,
        // A redirect would carry the key to an address that nobody named.
        redirect: 'error',
      });
    } catch (error) {
      if (signal?.aborted) throw error;
      throw this.#unreachable(error);
    }
    if (!response.ok) throw this.#refusal(response.status, await response.text());
    return response;
  }

  #unreachable(cause: unknown): CommandFailure {
    const message = `found no server at "${this.url}" (${reasonOf(cause)}), expected kazi; start one with "kazi serve", or set KAZI_URL`;
    return new CommandFailure('unreachable', message, { cause });
  }

  #refusal(status: number, text: string): CommandFailure {
    const parsed = answers.error.safeParse(parseJson(text));
    const said = parsed.success ? (parsed.data.message ?? parsed.data.error) : text.slice(0, 200) || 'no text';
    return new CommandFailure(
      reasonOfStatus(status),
      `the server at "${this.url}" answered ${status}: ${said}${adviceFor(status)}`,
    );
  }

  #unexpected({ method = 'GET', path }: Request, found: string, cause?: unknown): CommandFailure {
    const message = `${method} ${path} at "${this.url}": found ${found}, expected an answer of kazi's jobs API; is KAZI_URL another server?`;
    return new CommandFailure('failed', message, { cause });
  }
}

const agentPath = (name: string): string => `/agents/${encodeURIComponent(name)}`;

const BATCHES = '/v1/messages/batches';
const batchPath = (batchId: string): string => `${BATCHES}/${encodeURIComponent(batchId)}`;

const toQuery = (values: object): string =>
  new URLSearchParams(
    Object.entries(values).filter(
      (entry): entry is [string, string] => typeof entry[1] === 'string' && entry[1] !== '',
    ),
  ).toString();

const jobPath = (jobId: string): string => `/jobs/${encodeURIComponent(jobId)}`;

const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    // Not JSON: the schema that the caller applies reports it.
    return undefined;
  }
};

const reasonOf = (error: unknown): string => {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  if (cause instanceof Error) return 'code' in cause ? String(cause.code) : cause.message;
  return String(cause);
};

const reasonOfStatus = (status: number): ExitReason => {
  if (status === 502 || status === 503 || status === 504) return 'unreachable';
  return [400, 401, 403, 422].includes(status) ? 'usage' : 'failed';
};

const adviceFor = (status: number): string => {
  if (status === 401) return '; set KAZI_API_KEY to a key of that server';
  if (status === 403) return '; use a key that may do this';
  return '';
};
