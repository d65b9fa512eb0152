import { randomBytes } from 'node:crypto';
import { createQuery } from '../../../actions/create-query.ts';
import { findJob } from '../../../actions/find-job.ts';
import { requestStop } from '../../../actions/request-stop.ts';
import { type ErrorCode, isKaziError, KaziError } from '../../../core/errors.ts';
import { requireScope } from '../../../core/scope.ts';
import type { SessionStand } from '../../../realtime/follow-session.ts';
import { describeBudget } from '../errors.ts';
import type { JobRoutesOptions } from '../options.ts';
import { parseStreamFrame, type StreamingQuery } from './client-frames.ts';
import type { ClientSocket } from './client-socket.ts';
import { type FollowParts, followLog, type LogFollow } from './follow-log.ts';

/** Refusals for money: whoever watches the session learns of them as well. */
const BUDGET_REFUSALS: ReadonlySet<ErrorCode> = new Set([
  'REQUEST_BUDGET_EXCEEDED',
  'COST_BUDGET_EXCEEDED',
  'API_KEY_LIMIT_REACHED',
  'TENANT_LIMIT_REACHED',
]);

export interface QuerySocketOptions extends FollowParts {
  readonly routes: JobRoutesOptions;
  readonly socket: ClientSocket;
  readonly sessionId: string;
}

/** A socket on which one session is asked, and everything is told that it does. A key that may only read may only follow. */
export class QuerySocket {
  readonly #options: QuerySocketOptions;
  readonly #followed = new Set<string>();

  constructor(options: QuerySocketOptions) {
    this.#options = options;
  }

  /** Follows the session and handles the client's frames, until the socket is closed. */
  start(follow: Pick<LogFollow, 'stand' | 'skipParts' | 'isResumable' | 'onSending'>): void {
    const { socket, sessionId } = this.#options;
    this.#follow(sessionId, follow);
    socket.listen(async (text) => await this.#handle(text));
  }

  #follow(sessionId: string, follow: Pick<LogFollow, 'stand' | 'skipParts' | 'isResumable' | 'onSending'>): void {
    const { socket } = this.#options;
    if (this.#followed.has(sessionId)) return;
    this.#followed.add(sessionId);
    void followLog(this.#options, { ...follow, socket, sessionId, takesJobs: false, signal: socket.closed });
  }

  async #handle(text: string | null): Promise<void> {
    const { socket } = this.#options;
    const frame = parseStreamFrame(text);
    switch (frame.type) {
      case 'ping':
        socket.send({ type: 'pong', data: {} });
        return;
      case 'invalid':
        socket.send({ type: 'execution_state', data: { event: 'invalid_message', error: frame.error } });
        return;
      case 'stop':
        await this.#stop();
        return;
      case 'query':
        await this.#ask(frame.data);
    }
  }

  async #stop(): Promise<void> {
    const { routes, socket, sessionId } = this.#options;
    const request = { sessionId, mode: 'graceful', reason: null } as const;
    try {
      requireScope(socket.principal, 'submit');
      const { ok } = await requestStop(routes.context, socket.principal, request);
      socket.send({ type: 'execution_state', data: { event: 'stop', ok } });
    } catch (error) {
      const { message } = this.#explain(error, 'a stop over a socket failed');
      socket.send({ type: 'execution_state', data: { event: 'stop', ok: false, error: message } });
    }
  }

  /** Whoever follows the session, this socket too, sees the run in its log: only a refusal is said here. */
  async #ask(query: StreamingQuery): Promise<void> {
    const { routes, socket, sessionId } = this.#options;
    const { context, draining } = routes;
    const { principal } = socket;
    try {
      if (draining.aborted) throw new KaziError('SHUTTING_DOWN');
      requireScope(principal, 'submit');
      const created = await createQuery(context, principal, {
        job: {
          question: query.question,
          agent: query.agent_type || null,
          session: { sessionId, sessionKey: null },
          scheduleAt: null,
          metadata: null,
          priority: 0,
          isForked: query.fork_session ?? false,
          // A frame is sent once: there is nothing to know it again by.
          request: { idempotencyScope: null, hash: randomBytes(32), isRetry: false, toResponse: (jobId) => jobId },
        },
        jobId: query.job_id ?? null,
      });
      if (query.fork_session) await this.#followJob(created.response);
    } catch (error) {
      this.#refuse(error);
    }
  }

  /** A run in a copy of the session has a log of its own. */
  async #followJob(jobId: string): Promise<void> {
    const { context } = this.#options.routes;
    const { principal } = this.#options.socket;
    const job = await findJob(context, principal, { jobId, namedSessionId: null });
    const session = await context.directory.findSession(principal.tenantId, job.sessionId);
    const stand: SessionStand = { session, afterSeq: job.firstSeq - 1, fault: undefined };
    this.#follow(job.sessionId, { stand, skipParts: 0, isResumable: false, onSending: () => undefined });
  }

  #refuse(error: unknown): void {
    const { socket, sessionId, realtime } = this.#options;
    const known = this.#explain(error, 'a query over a socket failed');
    const data = { error: known.message, ...describeBudget(known) };
    socket.send({ type: 'query_error', data });
    if (!BUDGET_REFUSALS.has(known.code)) return;
    const { tenantId, userId } = socket.principal;
    realtime.refusals.publish({ sessionId, tenantId, userId, data });
  }

  /** What the client is told; the cause of a defect goes to the log. */
  #explain(error: unknown, what: string): KaziError {
    if (isKaziError(error)) return error;
    const { log, sessionId } = this.#options;
    log.error({ err: error, session: sessionId }, what);
    return new KaziError('INTERNAL', {}, { cause: error });
  }
}
