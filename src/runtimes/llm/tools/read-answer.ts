import { TextDecoder } from 'node:util';

/** The beginning of a body, at most `maxBytes` of it; the rest is not fetched. */
export const readBody = async (
  response: Response,
  maxBytes: number,
): Promise<{ readonly bytes: Buffer; readonly isCut: boolean }> => {
  const chunks: Uint8Array[] = [];
  let length = 0;
  // Leaving the loop early cancels the body.
  const body: AsyncIterable<Uint8Array> | null = response.body;
  for await (const chunk of body ?? []) {
    chunks.push(chunk);
    length += chunk.byteLength;
    if (length > maxBytes) break;
  }
  return { bytes: Buffer.concat(chunks).subarray(0, maxBytes), isCut: length > maxBytes };
};

/** `text/html` for `Text/HTML; charset=utf-8`; empty when nothing was said. */
export const declaredTypeOf = (response: Response): string =>
  (response.headers.get('content-type') ?? '').split(';')[0]?.trim().toLowerCase() ?? '';

const SNIFFED_BYTES = 1024;

/**
 * The text of an answer: the byte order mark decides about its encoding, then the header, then what the page says of itself,
 * then UTF-8. Null for bytes that are no text.
 */
export const decodeText = (bytes: Buffer, contentType: string): string | null => {
  const start = bytes.subarray(0, SNIFFED_BYTES).toString('latin1');
  const label =
    readByteOrderMark(bytes) ??
    /charset\s*=\s*["']?([^\s"';]+)/i.exec(contentType)?.[1] ??
    /<meta[^>]{0,200}charset\s*=\s*["']?([^\s"'>;/]+)/i.exec(start)?.[1] ??
    /^<\?xml[^>]{0,100}encoding\s*=\s*["']([^"']+)/i.exec(start)?.[1] ??
    'utf-8';
  const text = newDecoder(label).decode(bytes);
  return text.slice(0, SNIFFED_BYTES).includes('\0') ? null : text;
};

const readByteOrderMark = (bytes: Buffer): string | null => {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return 'utf-16le';
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return 'utf-16be';
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 'utf-8' : null;
};

const newDecoder = (label: string): TextDecoder => {
  try {
    return new TextDecoder(label);
  } catch {
    // An encoding that nobody knows.
    return new TextDecoder();
  }
};
