import type { IncomingMessage } from 'node:http';
import { WireError } from './wire-error.ts';

/** Anthropic's limit; a prompt with a few images stays far below. */
const MAX_BYTES = 32 * 1024 * 1024;

/** The JSON body of a request. Throws WireError 413 beyond 32 MiB and 400 for what is not JSON. */
export const readBody = async (request: IncomingMessage): Promise<unknown> => {
  const bytes = await readBytes(request, MAX_BYTES);
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new WireError(400, `We could not parse the JSON body of your request (${reason}). Expected a JSON object.`);
  }
};

/** The body of a request as it came. Throws WireError 413 beyond `maxBytes`. */
export const readBytes = async (request: IncomingMessage, maxBytes: number): Promise<Buffer> => {
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) throw tooLarge(maxBytes);
  return await collect(request, maxBytes);
};

/** With listeners instead of an iterator, which would close the connection when it is left early. */
const collect = async (request: IncomingMessage, maxBytes: number): Promise<Buffer> =>
  await new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    request
      .on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > maxBytes) reject(tooLarge(maxBytes));
        else chunks.push(chunk);
      })
      .once('end', () => resolve(Buffer.concat(chunks)))
      .once('error', reject)
      .once('close', () => reject(new Error('the client left before its request was whole')));
  });

const tooLarge = (maxBytes: number): WireError =>
  new WireError(413, `Request exceeds the maximum size: found more than ${maxBytes} bytes; send a smaller one.`);
