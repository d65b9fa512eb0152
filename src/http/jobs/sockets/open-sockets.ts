import type { KeyWatch } from '../../../realtime/key-watch.ts';
import { CLOSE, type ClientSocket } from './client-socket.ts';
import type { SocketSettings } from './settings.ts';

export interface OpenSocketsOptions {
  readonly settings: SocketSettings;
  readonly keys: KeyWatch;
  /** Aborted when the node begins to stop. */
  readonly draining: AbortSignal;
}

/** All open sockets of this node: keeps them alive, and closes those whose time has come. */
export class OpenSockets {
  readonly #options: OpenSocketsOptions;
  readonly #sockets = new Set<ClientSocket>();
  /** Those that are closed when their client says nothing. */
  readonly #idling = new Set<ClientSocket>();
  #timers: readonly NodeJS.Timeout[] = [];

  constructor(options: OpenSocketsOptions) {
    this.#options = options;
    options.draining.addEventListener('abort', () => this.#closeAll(), { once: true });
  }

  /** Looks after the socket until it is closed. */
  add(socket: ClientSocket, { closesIdle }: { readonly closesIdle: boolean }): void {
    const { keys, draining } = this.#options;
    const { principal } = socket;
    this.#sockets.add(socket);
    if (closesIdle) this.#idling.add(socket);
    const unwatch =
      principal.kind === 'api_key'
        ? keys.watch(principal.credentialId, () => socket.close(CLOSE.keyRevoked, 'API key revoked'))
        : () => undefined;
    socket.closed.addEventListener(
      'abort',
      () => {
        unwatch();
        this.#sockets.delete(socket);
        this.#idling.delete(socket);
        if (this.#sockets.size === 0) this.#stopTimers();
      },
      { once: true },
    );
    if (draining.aborted) socket.close(CLOSE.shutdown, 'Server is shutting down');
    else if (this.#timers.length === 0) this.#startTimers();
  }

  #startTimers(): void {
    const { pingMs, idleMs, idleCheckMs } = this.#options.settings;
    this.#timers = [
      setInterval(() => {
        for (const socket of this.#sockets) socket.ping();
      }, pingMs),
      setInterval(() => {
        const since = performance.now() - idleMs;
        for (const socket of this.#idling)
          if (socket.heardAt < since) socket.close(CLOSE.timeout, 'Connection timeout');
      }, idleCheckMs),
    ];
  }

  #stopTimers(): void {
    for (const timer of this.#timers) clearInterval(timer);
    this.#timers = [];
  }

  #closeAll(): void {
    for (const socket of this.#sockets) socket.close(CLOSE.shutdown, 'Server is shutting down');
  }
}
