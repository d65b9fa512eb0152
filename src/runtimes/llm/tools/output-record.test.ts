import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OutputRecord } from './output-record.ts';

test('keeps all of an output that fits, in the order of arrival', () => {
  const record = new OutputRecord(6);
  for (const text of ['a\n', 'ä', '\nb']) record.add(text);
  assert.equal(record.kept, 'a\nä\nb');
  assert.equal(record.isWhole, true);
  assert.deepEqual(record.toLongText(), { start: 'a\nä\nb', end: 'a\nä\nb', characters: 5, newlines: 2 });
});

test('keeps the first bytes and the end of one that does not, and counts all of it', () => {
  const record = new OutputRecord(10);
  for (let number = 0; number < 50_000; number += 1) record.add(`${number}\n`);
  assert.equal(record.kept, '0\n1\n2\n3\n4\n');
  assert.equal(record.isWhole, false);
  const { end, characters, newlines } = record.toLongText();
  assert.equal(newlines, 50_000);
  assert.equal(characters, 288_890);
  assert.ok(end.endsWith('\n49998\n49999\n'));
  assert.equal(end.length, 64 * 1024);
});
