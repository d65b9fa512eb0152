import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { defineCursor } from './cursor.ts';

const jobs = defineCursor('jobs', { num: 'integer' });
const sessions = defineCursor('sessions', { lastActiveMs: 'integer', id: 'text' });

test('a cursor gives back the position that it was made from', () => {
  fc.assert(
    fc.property(fc.maxSafeInteger(), fc.string({ unit: 'grapheme' }), (lastActiveMs, id) => {
      // JSON writes minus zero as zero, and no row has such a position.
      fc.pre(!Object.is(lastActiveMs, -0));
      assert.deepEqual(sessions.decode(sessions.encode({ lastActiveMs, id })), { lastActiveMs, id });
    }),
  );
});

test('a cursor survives a query string unescaped', () => {
  const text = sessions.encode({ lastActiveMs: 1, id: '>>>???' });
  assert.equal(encodeURIComponent(text), text);
});

test('a cursor of another list is refused', () => {
  assert.throws(() => jobs.decode(defineCursor('batches', { num: 'integer' }).encode({ num: 1 })), {
    code: 'INVALID_CURSOR',
  });
});

test('wrong shapes, kinds and spellings are refused', () => {
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const shapes = [
    1,
    null,
    { num: 1 },
    ['jobs'],
    ['jobs', 1, 2],
    ['jobs', '1'],
    ['jobs', 1.5],
    ['jobs', 2 ** 60],
    ['jobs', null],
  ];
  const spellings = ['', '!', 'abc', `${jobs.encode({ num: 1 })}=`, ` ${jobs.encode({ num: 1 })}`];
  const faulty = shapes.map(encode).concat(spellings);
  for (const text of faulty) assert.throws(() => jobs.decode(text), { code: 'INVALID_CURSOR' }, text);
});

test('arbitrary text either is a cursor or is refused as one', () => {
  fc.assert(fc.property(fc.string(), (text) => assert.throws(() => jobs.decode(text), { code: 'INVALID_CURSOR' })));
});
