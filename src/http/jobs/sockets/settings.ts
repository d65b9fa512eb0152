/** How long and how much open sockets are borne. The contract names the times (jobs API, section 10). */
export interface SocketSettings {
  /** A ping goes out this often; a client that has not answered one by the next is gone. */
  readonly pingMs: number;
  /** An event bus whose client says nothing for so long is closed. */
  readonly idleMs: number;
  /** How often idle buses are looked for. */
  readonly idleCheckMs: number;
  /** Bytes that wait for a slow client before reading the log for it stops. */
  readonly bufferBytes: number;
  /** How long it may take to read them before its socket is closed. */
  readonly slowMs: number;
}

export const SOCKET_SETTINGS: SocketSettings = Object.freeze({
  pingMs: 30_000,
  idleMs: 300_000,
  idleCheckMs: 60_000,
  bufferBytes: 1_048_576,
  slowMs: 30_000,
});
