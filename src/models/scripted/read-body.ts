import type { IncomingMessage } from 'node:http';
import { WireError } from './wire-error.ts';

/** Anthropic's limit; a prompt with a few images stays far below. */
const MAX_BYTES = 32 * 1024 * 1024;

/** The JSON body of a request. Throws WireError 413 beyond 32 MiB and 400 for what is not JSON. */
export const readBody = async (request: IncomingMessage): Promise<unknown> => {
  if (Number(request.headers['content-length'] ?? 0) > MAX_BYTES) throw tooLarge();
  const text = await collect(request);
  try {
    return JSON.parse(text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new WireError(400, `We could not parse the JSON body of your request (${reason}). Expected a JSON object.`);
  }
};

/** With listeners instead of an iterator, which would close the connection when it is left early. */
const collect = async (request: IncomingMessage): Promise<string> =>
  await new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    request
      .on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > MAX_BYTES) reject(tooLarge());
        else chunks.push(chunk);
      })
      .once('end', () => resolve(Buffer.concat(chunks).toString('utf8')))
      .once('error', reject)
      .once('close', () => reject(new Error('the client left before its request was whole')));
  });

const tooLarge = (): WireError =>
  new WireError(413, `Request exceeds the maximum size: found more than ${MAX_BYTES} bytes; send a smaller one.`);
