import type { FastifyRequest } from 'fastify';

/** True for clients of version 0.1 or newer; all others are of the seed version (section 2.1). */
export const isNewerClient = ({ headers }: FastifyRequest): boolean => {
  const version = headers['x-stainless-package-version'];
  if (typeof version === 'string' && isFromTenth(version)) return true;
  return mediaRanges(headers.accept).some(({ parameters }) => isFromTenth(parameters.get('version') ?? ''));
};

/** True where the answer is to be an event stream (section 4). */
export const wantsEventStream = ({ headers }: FastifyRequest, stream: boolean): boolean => {
  const ranges = mediaRanges(headers.accept);
  if (ranges.some(({ type }) => type === 'text/event-stream')) return true;
  const isJsonAlone = ranges.length > 0 && ranges.every(({ type }) => type === 'application/json');
  return stream && !isJsonAlone;
};

interface MediaRange {
  readonly type: string;
  readonly parameters: ReadonlyMap<string, string>;
}

const mediaRanges = (accept: string | undefined): readonly MediaRange[] =>
  (accept ?? '').split(',').flatMap((range) => {
    const [type = '', ...rest] = range.split(';').map((text) => text.trim().toLowerCase());
    const pairs = rest.map((text) => {
      const at = text.indexOf('=');
      return [
        text.slice(0, at).trim(),
        text
          .slice(at + 1)
          .trim()
          .replaceAll('"', ''),
      ] as const;
    });
    return type === '' ? [] : [{ type, parameters: new Map(pairs) }];
  });

/** `0.1`, `0.14.0`, `1.2`: at least 0.1. */
const isFromTenth = (version: string): boolean => {
  const [, major, minor = '0'] = /^v?(\d{1,9})(?:\.(\d{1,9}))?(?:[.+-].*)?$/.exec(version.trim()) ?? [];
  return major !== undefined && (Number(major) > 0 || Number(minor) >= 1);
};
