import { randomUUID } from 'node:crypto';
import type { ActionContext } from '../../../actions/context.ts';
import { isReadableBy } from '../../../core/ownership.ts';
import { mayReadSession, type SessionStand, standInSession } from '../../../realtime/follow-session.ts';
import type { PresenceView } from '../../../realtime/presence-view.ts';
import type { Refusal } from '../../../realtime/refusals.ts';
import { parseBusFrame } from './client-frames.ts';
import type { ClientSocket } from './client-socket.ts';
import { type FollowParts, followLog } from './follow-log.ts';

/** Sessions that one connection may follow. */
const MAX_SESSIONS = 1_000;

export interface BusSubscription {
  readonly sessionId: string;
  readonly stand: SessionStand;
  readonly skipParts: number;
}

export interface BusSocketOptions extends FollowParts {
  readonly context: ActionContext;
  readonly socket: ClientSocket;
  /** The bus that it is a connection of. */
  readonly name: string;
  /** True when its frames carry their cursors. */
  readonly isResumable: boolean;
}

/** A connection to the event bus: follows sessions, and knows who else is connected. */
export class BusSocket {
  readonly #options: BusSocketOptions;
  readonly #sessions = new Set<string>();
  readonly #follows = new Map<string, AbortController>();
  readonly #positions = new Map<string, string>();

  constructor(options: BusSocketOptions) {
    this.#options = options;
  }

  /** Where a client of one session may resume; several know it from the cursors of their frames. */
  position(): string {
    const [only] = this.#positions.values();
    return this.#positions.size === 1 && only !== undefined ? only : 'SESSION:CURSOR,…';
  }

  /** Follows the sessions, takes its seat on the bus, and handles the client's frames, until the socket is closed. */
  start(subscriptions: readonly BusSubscription[]): void {
    const { socket, realtime } = this.#options;
    const ids = subscriptions.map(({ sessionId }) => sessionId);
    socket.send({ type: 'connection_ack', data: { connection_id: randomUUID(), session_ids: ids } });
    for (const subscription of subscriptions) this.#follow(subscription);
    const unsubscribe = realtime.refusals.subscribe((refusal) => void this.#tellRefusal(refusal));
    socket.closed.addEventListener('abort', unsubscribe, { once: true });
    const joined = this.#join();
    socket.listen(async (text) => {
      await joined;
      await this.#handle(text);
    });
  }

  async #join(): Promise<void> {
    const { socket, realtime, name } = this.#options;
    const { principal } = socket;
    const onChange = (view: PresenceView): void => socket.send({ type: 'presence_update', data: toPresence(view) });
    const leave = await realtime.presence.join(name, { principal, sessions: this.#sessions, onChange });
    if (socket.closed.aborted) leave();
    else socket.closed.addEventListener('abort', leave, { once: true });
  }

  async #handle(text: string | null): Promise<void> {
    const { socket, realtime, name } = this.#options;
    const frame = parseBusFrame(text);
    if (frame.type === 'ping') {
      socket.send({ type: 'pong', data: {} });
    } else if (frame.type === 'invalid') {
      socket.send({ type: 'execution_state', data: { event: 'invalid_message', error: frame.error } });
    } else {
      if (frame.type === 'subscribe_session') await this.#subscribe(frame.sessionId);
      else this.#unsubscribe(frame.sessionId);
      realtime.presence.changed(name);
    }
  }

  async #subscribe(sessionId: string): Promise<void> {
    const { context, socket } = this.#options;
    const { principal } = socket;
    if (this.#follows.has(sessionId) || !(principal.sessionIds?.includes(sessionId) ?? true)) return;
    if (this.#follows.size >= MAX_SESSIONS) {
      const error = `Invalid frame: found a subscription to one more than ${MAX_SESSIONS} sessions. Unsubscribe from one first.`;
      socket.send({ type: 'execution_state', data: { event: 'invalid_message', error } });
      return;
    }
    const session = await context.directory.findSession(principal.tenantId, sessionId);
    if (session && !mayReadSession(principal, session)) return;
    const stand = await standInSession(context, { session, afterSeq: null });
    this.#follow({ sessionId, stand, skipParts: 0 });
  }

  #unsubscribe(sessionId: string): void {
    this.#follows.get(sessionId)?.abort();
    this.#follows.delete(sessionId);
    this.#positions.delete(sessionId);
    this.#sessions.delete(sessionId);
  }

  #follow(subscription: BusSubscription): void {
    const { socket, isResumable } = this.#options;
    const { sessionId, stand } = subscription;
    const ended = new AbortController();
    this.#sessions.add(sessionId);
    this.#follows.set(sessionId, ended);
    this.#positions.set(sessionId, String(stand.afterSeq));
    void followLog(this.#options, {
      ...subscription,
      socket,
      isResumable,
      takesJobs: true,
      signal: AbortSignal.any([ended.signal, socket.closed]),
      onSending: ({ place }) => {
        if (this.#follows.get(sessionId) === ended) this.#positions.set(sessionId, `${place.seq}.${place.part}`);
      },
    });
  }

  async #tellRefusal({ sessionId, tenantId, userId, data }: Refusal): Promise<void> {
    const { context, socket } = this.#options;
    const { principal } = socket;
    if (tenantId !== principal.tenantId || !this.#follows.has(sessionId)) return;
    const session = await context.directory.findSession(tenantId, sessionId).catch(() => undefined);
    // Before its first job a session is whose who asks.
    const record = { sessionId, userId: session ? session.userId : userId, tenantId };
    if (isReadableBy({ principal, kind: 'Session', record, namedSessionId: null }))
      socket.send({ type: 'query_error', data }, sessionId);
  }
}

const toPresence = (view: PresenceView): Readonly<Record<string, unknown>> => ({
  users_online: view.usersOnline,
  connection_count: view.connectionCount,
  session_ids: view.sessionIds,
  ...(view.userJoined === null ? {} : { user_joined: view.userJoined }),
  ...(view.userLeft === null ? {} : { user_left: view.userLeft }),
});
