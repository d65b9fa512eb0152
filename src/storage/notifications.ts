import pg from 'pg';
import type { Logger } from 'pino';

/**
 * What nodes tell each other: `events` (session num: its log grew), `lanes` (lane id: it has due work),
 * `cancels` (job id: stop it), `news` (job id: there is something to tell its run), `keys` (an API key changed), `sessions`
 * (hint of a name, core/name-hint.ts: it may exist now), `presence` (hint of a bus: who is connected to it changed),
 * `refusals` (what was refused, itself), `deliveries` (of whatever: a webhook may be due), `schedules` (0: something may be
 * due earlier), `batches` (a batch began, or something in it ended).
 */
export type Topic =
  | 'events'
  | 'lanes'
  | 'cancels'
  | 'news'
  | 'keys'
  | 'sessions'
  | 'presence'
  | 'refusals'
  | 'deliveries'
  | 'schedules'
  | 'batches';

export type Listener = (key: string) => void;

const CHANNEL = 'kazi';
/** A NOTIFY payload holds fewer than 8,000 bytes (PostgreSQL, NOTIFY); past this size the topic is sent as "everything". */
const MAX_PAYLOAD = 7_000;
/** Told to listeners in place of a key when single keys were lost: look at everything. */
export const EVERYTHING = '*';

/**
 * Hints between nodes, on one side connection. Hot transactions never NOTIFY: it would serialise their commits. Keys are
 * coalesced, one NOTIFY is in flight at a time, and whoever listens also polls: a lost hint costs time, never work.
 * Listeners on this node are told at once, without the database.
 */
export class Notifications {
  readonly #url: string;
  readonly #log: Logger;
  readonly #source = crypto.randomUUID();
  readonly #listeners = new Map<Topic, Set<Listener>>();
  readonly #pending = new Map<Topic, Set<string>>();
  #client: pg.Client | undefined;
  #isSending = false;
  #isStopped = true;
  #retry: NodeJS.Timeout | undefined;

  constructor(options: { readonly url: string; readonly log: Logger }) {
    this.#url = options.url;
    this.#log = options.log;
  }

  /** Connects in the background; a server that is not reachable is tried again until stop(). */
  async start(): Promise<void> {
    if (!this.#isStopped) return;
    this.#isStopped = false;
    await this.#connect();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#retry);
    const client = this.#client;
    this.#client = undefined;
    await client?.end().catch(() => undefined /* it is going away either way */);
  }

  /** Returns the function that ends the subscription. */
  subscribe(topic: Topic, listener: Listener): () => void {
    const set = this.#listeners.get(topic) ?? new Set();
    this.#listeners.set(topic, set);
    set.add(listener);
    return () => set.delete(listener);
  }

  /** Tells this node's listeners now and the other nodes soon. Call it after the commit, never inside. */
  publish(topic: Topic, key: string | number): void {
    const text = String(key);
    this.#tell(topic, text);
    const keys = this.#pending.get(topic);
    if (keys) keys.add(text);
    else this.#pending.set(topic, new Set([text]));
    if (!this.#isSending) void this.#send();
  }

  #tell(topic: Topic, key: string): void {
    for (const listener of this.#listeners.get(topic) ?? []) listener(key);
  }

  async #send(): Promise<void> {
    this.#isSending = true;
    try {
      // One turn of the event loop gathers what the same batch publishes.
      await new Promise(setImmediate);
      while (this.#pending.size > 0 && this.#client) {
        const payload = this.#takePayload();
        await this.#client.query('select pg_notify($1, $2)', [CHANNEL, payload]);
      }
    } catch (error) {
      this.#log.debug({ err: error }, 'a notification was lost; other nodes will find the work by polling');
    } finally {
      this.#isSending = false;
    }
  }

  #takePayload(): string {
    const parts: string[] = [];
    for (const [topic, keys] of this.#pending) {
      const text = [...keys].join(',');
      parts.push(`${topic}=${text.length > MAX_PAYLOAD / 4 ? EVERYTHING : text}`);
    }
    this.#pending.clear();
    return `${this.#source};${parts.join(';')}`;
  }

  #receive(payload: string): void {
    const [source, ...parts] = payload.split(';');
    if (source === this.#source) return;
    for (const part of parts) {
      const [topic, keys = ''] = part.split('=');
      for (const key of keys.split(',')) this.#tell(topic as Topic, key);
    }
  }

  async #connect(): Promise<void> {
    if (this.#isStopped) return;
    const client = new pg.Client({
      connectionString: this.#url,
      application_name: 'kazi notifications',
      keepAlive: true,
    });
    client.on('notification', (message) => this.#receive(message.payload ?? ''));
    client.on('error', () => this.#reconnect(client));
    client.on('end', () => this.#reconnect(client));
    try {
      await client.connect();
      await client.query(`listen ${CHANNEL}`);
      if (this.#isStopped) {
        await client.end();
        return;
      }
      this.#client = client;
      // Whatever was published while we were away is found now.
      for (const topic of this.#listeners.keys()) this.#tell(topic, EVERYTHING);
    } catch (error) {
      this.#log.warn({ err: error }, 'no connection for notifications; polling goes on');
      this.#client = client;
      this.#reconnect(client);
    }
  }

  #reconnect(client: pg.Client): void {
    if (this.#client !== client) return;
    this.#client = undefined;
    void client.end().catch(() => undefined /* already broken */);
    if (this.#isStopped) return;
    this.#retry = setTimeout(() => void this.#connect(), 250 + Math.random() * 500);
  }
}
