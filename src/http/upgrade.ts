import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type WebSocket, WebSocketServer } from 'ws';
import { KaziError } from '../core/errors.ts';
import { MAX_BODY_BYTES } from './request-body.ts';

/** A request that wants to leave HTTP, with what came behind it. */
interface Waiting {
  readonly socket: Socket;
  readonly head: Buffer;
  readonly response: ServerResponse;
}

/** A WebSocket, and the connection that it is on. */
export interface OpenedSocket {
  readonly webSocket: WebSocket;
  readonly connection: Socket;
}

/** How long a client may take to answer a close before its connection is cut. */
const CLOSE_MS = 5_000;
/**
 * Text is decoded by us: bytes that are not UTF-8 are an invalid frame, which closes nothing. Without compression: it
 * would cost each idle socket a hundred times the memory.
 */
const SETTINGS = {
  noServer: true,
  clientTracking: false,
  perMessageDeflate: false,
  skipUTF8Validation: true,
  maxPayload: MAX_BODY_BYTES,
  closeTimeout: CLOSE_MS,
} as const;
const KEY = /^[A-Za-z0-9+/]{22}==$/;

/**
 * The way from a request to a WebSocket. An upgrade runs through the router like every other request, so its checks and
 * its refusals are the same; a handler that is content opens the socket.
 */
export class Upgrades {
  readonly #waiting = new WeakMap<IncomingMessage, Waiting>();
  readonly #requestIds = new WeakMap<IncomingMessage, string>();
  readonly #sockets = new WebSocketServer(SETTINGS);

  constructor() {
    this.#sockets.on('headers', (headers, request) => {
      headers.push(`X-Request-Id: ${this.#requestIds.get(request) ?? ''}`);
    });
  }

  /** True for a request that Node should take out of HTTP; everything else is answered as if it asked for nothing. */
  static isWanted(this: void, request: IncomingMessage): boolean {
    return request.method === 'GET' && request.headers.upgrade?.toLowerCase() === 'websocket';
  }

  listen(server: FastifyInstance): void {
    server.server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
      // Node no longer watches the connection.
      socket.on('error', () => socket.destroy());
      const response = new ServerResponse(request);
      response.assignSocket(socket);
      response.shouldKeepAlive = false;
      response.on('finish', () => socket.destroySoon());
      this.#waiting.set(request, { socket, head, response });
      server.routing(request, response);
    });
  }

  /** True when the request asks for a WebSocket. */
  isUpgrade({ raw }: FastifyRequest): boolean {
    return this.#waiting.has(raw);
  }

  /** Answers 101; undefined when the client has gone. Throws MALFORMED_HTTP for a handshake that is none. */
  open({ raw, id }: FastifyRequest, reply: FastifyReply): OpenedSocket | undefined {
    const waiting = this.#waiting.get(raw);
    const { 'sec-websocket-key': key, 'sec-websocket-version': version } = raw.headers;
    const isHandshake = key !== undefined && KEY.test(key) && (version === '13' || version === '8');
    if (!waiting || !isHandshake) throw new KaziError('MALFORMED_HTTP');
    const { socket, head, response } = waiting;
    reply.hijack();
    response.detachSocket(socket);
    this.#requestIds.set(raw, id);
    let opened: OpenedSocket | undefined;
    this.#sockets.handleUpgrade(raw, socket, head, (webSocket) => {
      opened = { webSocket, connection: socket };
    });
    return opened;
  }
}
