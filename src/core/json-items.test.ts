import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { JsonItems } from './json-items.ts';

/** The items and the whole, as a caller puts them together; undefined when any part is not JSON. */
const take = (text: string, cuts: readonly number[] = []): { items: unknown[]; whole: unknown } | undefined => {
  const bytes = Buffer.from(text);
  const texts: Buffer[] = [];
  const splitter = new JsonItems('requests', {
    onItem: (item) => void texts.push(Buffer.from(item)),
    onRestart: () => void texts.splice(0),
  });
  const edges = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length];
  edges.forEach((edge, index) => {
    const chunk = Buffer.from(bytes.subarray(edge, edges[index + 1] ?? edge));
    splitter.write(chunk);
    // Whoever reads a socket uses its buffers again.
    chunk.fill(0x7b);
  });
  try {
    const rest = splitter.end().toString('utf8');
    const items = texts.map((item) => JSON.parse(item.toString('utf8')) as unknown);
    const whole: unknown = JSON.parse(rest);
    return { items, whole };
  } catch {
    return undefined;
  }
};

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

/** What a parser in one piece finds: the items, and the whole with a 0 for each. */
const expected = (text: string): { items: unknown[]; whole: unknown } | undefined => {
  const whole = parse(text);
  if (whole === undefined) return undefined;
  const isObject = typeof whole === 'object' && whole !== null && !Array.isArray(whole);
  const requests = isObject && Object.hasOwn(whole, 'requests') ? (whole as { requests: unknown }).requests : undefined;
  if (!Array.isArray(requests)) return { items: [], whole };
  return { items: requests, whole: { ...(whole as object), requests: requests.map(() => 0) } };
};

describe('JsonItems', () => {
  test('gives the items and the rest of any JSON, however it is cut and spaced', () => {
    const value = fc.record(
      { requests: fc.oneof(fc.array(fc.jsonValue()), fc.jsonValue()), other: fc.jsonValue(), a: fc.jsonValue() },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(value, fc.constantFrom(0, 1, '\t'), fc.array(fc.nat()), (body, space, cuts) => {
        const text = JSON.stringify(body, null, space);
        assert.deepEqual(take(text, cuts), expected(text));
      }),
      { numRuns: 500 },
    );
  });

  test('lets through what is no JSON only in pieces that are none', () => {
    const piece = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"requests"',
      '"x"',
      '"',
      '\\',
      '0',
      ' ',
      'tru',
      'e',
      '"requests":[',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 14 }), fc.array(fc.nat(), { maxLength: 3 }), (pieces, cuts) => {
        const text = pieces.join('');
        assert.deepEqual(take(text, cuts) === undefined, expected(text) === undefined, text);
      }),
      { numRuns: 20_000 },
    );
  });

  test('knows the member in any spelling, at the top alone, and by its last value', () => {
    assert.deepEqual(take('{"\\u0072equests":[1,[2]]}')?.items, [1, [2]]);
    assert.deepEqual(take('{"a":{"requests":[1]},"requests":[{"requests":[2]}]}')?.items, [{ requests: [2] }]);
    assert.deepEqual(take('{"requests":[1],"requests":[2,3]}')?.items, [2, 3]);
    assert.deepEqual(take('[{"requests":[1]}]'), { items: [], whole: [{ requests: [1] }] });
  });
});
