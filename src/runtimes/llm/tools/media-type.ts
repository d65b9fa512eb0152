import mimeTypes from 'mime-types';

/** First bytes by which a provider, too, will judge a file: a wrong type would have it refuse the whole conversation. */
const SIGNATURES: readonly { readonly mediaType: string; readonly matches: (head: string) => boolean }[] = [
  { mediaType: 'image/png', matches: (head) => head.startsWith('\x89PNG\r\n\x1a\n') },
  { mediaType: 'image/jpeg', matches: (head) => head.startsWith('\xff\xd8\xff') },
  { mediaType: 'image/gif', matches: (head) => /^GIF8[79]a/.test(head) },
  { mediaType: 'image/webp', matches: (head) => /^RIFF[^]{4}WEBP/.test(head) },
  { mediaType: 'application/pdf', matches: (head) => head.startsWith('%PDF-') },
];

/** Bytes that are looked at for a NUL, as git and grep do. */
const LOOKED_AT_BYTES = 8000;

/** What a file of bytes is: by its content where that tells, else by its name; null when neither does. */
export const mediaTypeOf = (path: string, bytes: Buffer): string | null => {
  const head = bytes.toString('latin1', 0, 16);
  const found = SIGNATURES.find(({ matches }) => matches(head));
  if (found !== undefined) return found.mediaType;
  const named = mimeTypes.lookup(path) || null;
  return SIGNATURES.some(({ mediaType }) => mediaType === named) ? null : named;
};

/** True for what is not text: a PDF may look like text at its start. */
export const isBinary = (bytes: Buffer): boolean =>
  bytes.subarray(0, LOOKED_AT_BYTES).includes(0) || bytes.subarray(0, 5).equals(Buffer.from('%PDF-'));
