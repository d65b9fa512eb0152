import type { Readable } from 'node:stream';
import { Agent, type Dispatcher, request } from 'undici';

/** Answers that cannot have a body; Response refuses even an empty one for them. */
const WITHOUT_BODY: readonly number[] = [204, 205, 304];
/** Counted in bytes: by chunks, every piece of an answer would stop the connection and start it again. */
const BUFFERED = new ByteLengthQueuingStrategy({ highWaterMark: 65_536 });

/**
 * A fetch that gives up on a server that sends nothing, not even a keep-alive, for that long: before its answer or
 * within it. It follows no redirect, which would carry keys along, and takes only what the AI SDK sends: a URL, a method,
 * headers and a text. Over undici's request, because an open answer of a whole fetch holds twice the memory.
 */
export const makeProviderFetch = (idleTimeoutMs: number): typeof globalThis.fetch => {
  // The idle guard is that of the connection, so it counts bytes and costs no timer of ours for each open call.
  const dispatcher = new Agent({ headersTimeout: idleTimeoutMs, bodyTimeout: idleTimeoutMs });
  return async (url, init = {}) => {
    const { body: text = null } = init;
    if (typeof url !== 'string' || (typeof text !== 'string' && text !== null)) {
      throw new TypeError('The fetch of model providers takes a URL and a body as text only');
    }
    const { statusCode, headers, body } = await request(url, {
      dispatcher,
      method: init.method === 'POST' ? 'POST' : 'GET',
      headers: headersOf(init.headers, text),
      body: text === null ? null : bodyOf(text),
      signal: init.signal ?? null,
    });
    const stream = toWebStream(body);
    const isEmpty = WITHOUT_BODY.includes(statusCode);
    return new Response(isEmpty ? null : stream, { status: statusCode, headers: toHeaders(headers) });
  };
};

/** The length goes along, because servers may refuse a body in chunks. */
const headersOf = (given: RequestInit['headers'], text: string | null): Record<string, string> => ({
  ...Object.fromEntries(new Headers(given)),
  ...(text === null ? {} : { 'content-length': String(Buffer.byteLength(text)) }),
});

/**
 * The text is let go once it is sent: of a plain body undici keeps the text and its bytes until the answer ends, and of a
 * stream its state. It takes anything that can be iterated (lib/core/request.js); its types name streams alone.
 */
const bodyOf = (text: string): Readable => {
  let rest: string | null = text;
  const next = async (): Promise<IteratorResult<Uint8Array>> => {
    const value = rest;
    rest = null;
    return await Promise.resolve(value === null ? { done: true, value } : { done: false, value: Buffer.from(value) });
  };
  const body: AsyncIterable<Uint8Array> = { [Symbol.asyncIterator]: () => ({ next }) };
  return body as Readable;
};

const toWebStream = (body: Dispatcher.ResponseData['body']): ReadableStream<Uint8Array> =>
  new ReadableStream<Uint8Array>(
    {
      start: (controller) => {
        body.on('data', (chunk: Uint8Array) => {
          controller.enqueue(chunk);
          if ((controller.desiredSize ?? 0) <= 0) body.pause();
        });
        body.once('end', () => controller.close());
        body.on('error', (error) => controller.error(error));
      },
      pull: () => {
        body.resume();
      },
      cancel: () => {
        body.destroy();
      },
    },
    BUFFERED,
  );

const toHeaders = (headers: Dispatcher.ResponseData['headers']): [string, string][] =>
  Object.entries(headers).flatMap(([name, value]): [string, string][] =>
    value === undefined ? [] : [[name, Array.isArray(value) ? value.join(', ') : value]],
  );
