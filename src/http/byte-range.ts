/** What a `Range` header asks of a file: all of it, one part, or nothing that it has. */
export type RangeAnswer =
  | { readonly kind: 'whole' | 'unsatisfiable' }
  | { readonly kind: 'part'; readonly firstByte: number; readonly lastByte: number };

const WHOLE: RangeAnswer = { kind: 'whole' };

/** Reads a `Range` header. Other units, several ranges and malformed ones are ignored, as RFC 9110 allows. */
export const readRange = (header: string | undefined, sizeBytes: number): RangeAnswer => {
  const [, first, last] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header?.trim() ?? '') ?? [];
  if (first === undefined || last === undefined || (first === '' && last === '')) return WHOLE;
  if (first === '') return toPart(Math.max(0, sizeBytes - Number(last)), sizeBytes - 1);
  if (last !== '' && Number(last) < Number(first)) return WHOLE;
  return toPart(Number(first), last === '' ? sizeBytes - 1 : Math.min(Number(last), sizeBytes - 1));
};

const toPart = (firstByte: number, lastByte: number): RangeAnswer =>
  firstByte > lastByte ? { kind: 'unsatisfiable' } : { kind: 'part', firstByte, lastByte };
