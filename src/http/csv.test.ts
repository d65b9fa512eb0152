import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toCsv } from './csv.ts';

test('cells with commas, quotes and line ends are quoted, null is empty', () => {
  const text = toCsv(
    ['a', 'b', 'c'],
    [
      ['x,y', 'say "hi"', null],
      ['one\ntwo', 'plain', 0.000_001],
    ],
  );
  assert.equal(text, 'a,b,c\r\n"x,y","say ""hi""",\r\n"one\ntwo",plain,0.000001\r\n');
});

test('text that a spreadsheet would run as a formula is kept from it, and numbers are left as they are', () => {
  for (const text of ['=1+1', '+1', '-1', '@SUM(A1)', '\tx']) assert.equal(toCsv(['a'], [[text]]), `a\r\n'${text}\r\n`);
  assert.equal(toCsv(['a'], [['\r=1']]), 'a\r\n"\'\r=1"\r\n');
  assert.equal(toCsv(['a'], [['=1,"2"']]), `a\r\n"'=1,""2"""\r\n`);
  assert.equal(toCsv(['a'], [[-1]]), 'a\r\n-1\r\n');
});
