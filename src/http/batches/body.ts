import { isUtf8 } from 'node:buffer';
import type { FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { KaziError } from '../../core/errors.ts';
import { describeShapeFaults, shapeFault } from './shape.ts';

/** Largest request body (batches API, section 2). */
const MAX_BATCH_BODY_BYTES = 268_435_456;

/** The body in chunks as they arrive. Throws BODY_TOO_LARGE, before anything is read where the client says so itself. */
export const readChunks = async function* (request: FastifyRequest): AsyncGenerator<Buffer> {
  const declared = declaredBytes(request);
  if (declared > MAX_BATCH_BODY_BYTES) throw tooLarge(declared);
  let bytes = 0;
  try {
    for await (const chunk of request.raw as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > MAX_BATCH_BODY_BYTES) throw tooLarge(bytes);
      yield chunk;
    }
  } catch (error) {
    if (error instanceof KaziError) throw error;
    // The client went away in the middle.
    throw new KaziError('MALFORMED_HTTP', {}, { cause: error });
  }
};

/** The whole body as JSON of that shape. Throws BODY_TOO_LARGE, INVALID_JSON, INVALID_SHAPE. */
export const readJsonBody = async <T>(request: FastifyRequest, schema: z.ZodType<T>): Promise<T> => {
  const chunks: Buffer[] = [];
  for await (const chunk of readChunks(request)) chunks.push(chunk);
  const parsed = schema.safeParse(parseJson(Buffer.concat(chunks)), { reportInput: true });
  if (!parsed.success) throw shapeFault(describeShapeFaults(parsed.error, 'body'));
  return parsed.data;
};

/** Throws INVALID_JSON. */
export const parseJson = (bytes: Buffer): unknown => {
  if (!isUtf8(bytes)) throw new KaziError('INVALID_JSON');
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    throw new KaziError('INVALID_JSON', {}, { cause });
  }
};

const tooLarge = (size: number): KaziError => new KaziError('BODY_TOO_LARGE', { size, most: MAX_BATCH_BODY_BYTES });

/** From the raw headers: the parsed ones were taken away so that the router leaves the body alone. */
const declaredBytes = ({ raw: { rawHeaders } }: FastifyRequest): number => {
  const at = rawHeaders.findIndex((name, index) => index % 2 === 0 && name.toLowerCase() === 'content-length');
  return at < 0 ? 0 : Number(rawHeaders[at + 1]);
};
