import assert from 'node:assert/strict';
import { once } from 'node:events';
import { WebSocket } from 'ws';
import { bearer } from './api-client.ts';

/** A frame as the server sends it; `seq` and `cursor` only where the client asked with `after`. */
export interface Frame {
  readonly type: string;
  readonly session_id: string;
  readonly timestamp: number;
  readonly data: Readonly<Record<string, unknown>>;
  readonly seq?: number;
  readonly cursor?: string;
}

/** A real client of one socket, which keeps every frame in order. */
export class SocketClient {
  readonly frames: Frame[] = [];
  readonly webSocket: WebSocket;
  /** Code and reason of the close. */
  readonly closed: Promise<readonly [number, string]>;
  readonly #waiters = new Set<() => void>();
  #taken = 0;

  private constructor(webSocket: WebSocket) {
    this.webSocket = webSocket;
    const { promise, resolve } = Promise.withResolvers<readonly [number, string]>();
    this.closed = promise;
    webSocket.on('close', (code, reason) => resolve([code, reason.toString('utf8')]));
    webSocket.on('message', (data: Buffer) => {
      this.frames.push(JSON.parse(data.toString('utf8')) as Frame);
      for (const wake of this.#waiters) wake();
    });
  }

  /** Opens a socket; rejects when the server refuses the handshake. The path holds the query. */
  static async open(baseUrl: string, path: string, credential: string): Promise<SocketClient> {
    const webSocket = new WebSocket(new URL(path, baseUrl.replace(/^http/, 'ws')), { headers: bearer(credential) });
    const client = new SocketClient(webSocket);
    await once(webSocket, 'open');
    return client;
  }

  send(frame: Readonly<Record<string, unknown>> | string | Buffer): void {
    this.webSocket.send(typeof frame === 'string' || Buffer.isBuffer(frame) ? frame : JSON.stringify(frame));
  }

  /** The next frame of that type, after those that an earlier call took. What comes before it is passed over. */
  async next(type: string, matches: (frame: Frame) => boolean = () => true): Promise<Frame> {
    for (;;) {
      while (this.#taken < this.frames.length) {
        const frame = this.frames[this.#taken];
        this.#taken += 1;
        if (frame?.type === type && matches(frame)) return frame;
      }
      await this.#more(`a frame ${type}`);
    }
  }

  /** Resolves once so many frames have come, counted from the first, or the socket is closed. */
  async count(frames: number): Promise<void> {
    while (this.frames.length < frames && this.webSocket.readyState === WebSocket.OPEN) {
      await Promise.race([this.#woken(), this.closed]);
    }
  }

  /** Types of the frames so far. */
  get types(): string[] {
    return this.frames.map(({ type }) => type);
  }

  /** Waits until the server has handled everything that was sent before. */
  async settle(): Promise<void> {
    this.send({ type: 'ping' });
    await this.next('pong');
  }

  async close(): Promise<void> {
    this.webSocket.close(1_000);
    await this.closed;
  }

  async #woken(): Promise<'more'> {
    const { promise, resolve } = Promise.withResolvers<'more'>();
    const wake = (): void => resolve('more');
    this.#waiters.add(wake);
    return await promise.finally(() => this.#waiters.delete(wake));
  }

  async #more(what: string): Promise<void> {
    const result = await Promise.race([this.#woken(), this.closed]);
    if (result !== 'more' && this.#taken >= this.frames.length)
      assert.fail(`the socket closed with ${result.join(' ')}, expected ${what}; got ${this.types.join(', ')}`);
  }
}
