import { isUtf8 } from 'node:buffer';
import type { Socket } from 'node:net';
import type { Logger } from 'pino';
import type { RawData, WebSocket } from 'ws';
import type { Principal } from '../../../core/principal.ts';
import type { FrameContent } from './frames.ts';
import { encodeFrame } from './log-translator.ts';
import type { SocketSettings } from './settings.ts';

/** Codes with which kazi closes a socket. */
export const CLOSE = { timeout: 1_000, shutdown: 1_001, keyRevoked: 1_008, broken: 1_011, slow: 4_008 } as const;

/** Frames of a client that wait for their turn before reading from it stops. */
const WAITING_FRAMES = 16;
/** What is not read from the log cannot wait there: past so many buffers of it the client is given up. */
const UNREAD_BUFFERS = 4;

export interface ClientSocketOptions {
  readonly webSocket: WebSocket;
  /** What it is a WebSocket over. */
  readonly connection: Socket;
  readonly principal: Principal;
  readonly settings: SocketSettings;
  readonly log: Logger;
  /** Session that the socket's own frames name; empty on the event bus. */
  readonly sessionId: string;
  /** Where a slow client may resume, as text of at most 60 characters. */
  readonly resumeFrom: () => string;
}

/** One open socket: its frames in order, and never more of them in memory than a slow client may leave unread. */
export class ClientSocket {
  readonly principal: Principal;
  /** When the client said something last (monotonic). */
  heardAt: number = performance.now();
  /** False since the last ping: no answer yet. */
  isAlive = true;
  readonly #options: ClientSocketOptions;
  readonly #closed = new AbortController();
  readonly #frames: string[] = [];
  #isHandling = false;
  #isCorked = false;

  constructor(options: ClientSocketOptions) {
    this.#options = options;
    this.principal = options.principal;
    const { webSocket } = options;
    webSocket.on('pong', () => {
      this.isAlive = true;
    });
    webSocket.on('close', () => this.#closed.abort());
    // A breach of the protocol or a broken connection; "close" follows.
    webSocket.on('error', () => undefined);
  }

  /** False once either side has begun to close. */
  get isOpen(): boolean {
    const { webSocket } = this.#options;
    return webSocket.readyState === webSocket.OPEN;
  }

  /** Aborted once the connection is gone. */
  get closed(): AbortSignal {
    return this.#closed.signal;
  }

  /** Hands over what the client sends, one frame at a time; null for bytes that are not UTF-8. A failure of `handle` closes the socket. */
  listen(handle: (text: string | null) => Promise<void>): void {
    const { webSocket } = this.#options;
    webSocket.on('message', (data: RawData) => {
      this.heardAt = performance.now();
      const bytes = toBuffer(data);
      this.#frames.push(isUtf8(bytes) ? bytes.toString('utf8') : '\0');
      if (this.#frames.length >= WAITING_FRAMES) webSocket.pause();
      if (!this.#isHandling) void this.#handleAll(handle);
    });
  }

  /** What is sent in one turn of the event loop goes out in one write. */
  #cork(): void {
    if (this.#isCorked) return;
    const { connection } = this.#options;
    this.#isCorked = true;
    connection.cork();
    process.nextTick(() => {
      this.#isCorked = false;
      connection.uncork();
    });
  }

  /** Sends a frame of the log; resolves once the client has room for the next. */
  async sendLog(bytes: Buffer): Promise<void> {
    const { webSocket, settings } = this.#options;
    this.#cork();
    if (webSocket.bufferedAmount + bytes.length <= settings.bufferBytes) {
      webSocket.send(bytes, { binary: false });
      return;
    }
    const { promise: isFlushed, resolve } = Promise.withResolvers<void>();
    webSocket.send(bytes, { binary: false }, () => resolve());
    const tooSlow = setTimeout(() => this.#closeSlow(), settings.slowMs);
    await isFlushed.finally(() => clearTimeout(tooSlow));
  }

  /** Sends a frame that stands in no log. */
  send(content: FrameContent, sessionId: string = this.#options.sessionId): void {
    this.sendText(encodeFrame(sessionId, content));
  }

  sendText(text: string): void {
    const { webSocket, settings } = this.#options;
    if (!this.isOpen) return;
    if (webSocket.bufferedAmount > settings.bufferBytes * UNREAD_BUFFERS) this.#closeSlow();
    else webSocket.send(text);
  }

  close(code: number, reason: string): void {
    this.#options.webSocket.close(code, reason);
  }

  /** Asks whether the client is still there; cuts the connection when it did not answer the last time. */
  ping(): void {
    const { webSocket } = this.#options;
    if (!this.isAlive) {
      webSocket.terminate();
      return;
    }
    this.isAlive = false;
    if (this.isOpen) webSocket.ping();
  }

  #closeSlow(): void {
    const { webSocket, log, resumeFrom, sessionId } = this.#options;
    if (!this.isOpen) return;
    log.info({ session: sessionId, unreadBytes: webSocket.bufferedAmount }, 'a slow socket is closed');
    this.close(CLOSE.slow, `slow consumer, resume with after=${resumeFrom()}`);
  }

  async #handleAll(handle: (text: string | null) => Promise<void>): Promise<void> {
    const { webSocket, log } = this.#options;
    this.#isHandling = true;
    try {
      for (let text = this.#frames.shift(); text !== undefined; text = this.#frames.shift()) {
        await handle(text === '\0' ? null : text);
      }
      webSocket.resume();
    } catch (error) {
      // A database that is away, or a defect: the client comes back for what it asked.
      log.error({ err: error }, 'a frame of a socket was not handled');
      this.close(CLOSE.broken, 'Internal error');
    }
    this.#isHandling = false;
  }
}

const toBuffer = (data: RawData): Buffer => {
  if (Buffer.isBuffer(data)) return data;
  return Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data);
};
