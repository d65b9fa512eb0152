import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isArtifactPath } from './artifact-path.ts';
import { mailFileNames } from './mail-file-names.ts';

test('whatever files are called, each name is a plain one, and there once', () => {
  const hostile = fc.constantFrom(
    '../../etc/passwd',
    '..',
    '.',
    '',
    '/',
    '\\..\\x',
    'a\0b',
    '-rf',
    '~',
    'x'.repeat(999),
    '\ud800',
  );
  const name = fc.option(
    fc.oneof(hostile, fc.string({ unit: 'binary', maxLength: 300 }), fc.constantFrom('a', 'A', 'a-2')),
  );
  fc.assert(
    fc.property(fc.array(name, { maxLength: 8 }), (names) => {
      const found = mailFileNames(names);
      assert.equal(found.length, names.length);
      assert.equal(new Set(found.map((text) => text.toLowerCase())).size, names.length);
      for (const text of found) {
        assert.ok(isArtifactPath(`mail/x/${text}`) && !text.includes('/') && Buffer.byteLength(text) <= 200, text);
        assert.match(text, /^[^.\-~\s]/u);
      }
    }),
  );
});

test('a usual name stays as it is', () => {
  const names = ['report 2026 (final).pdf', "Ünïcode's.txt", '日本.csv', 'archive.tar.gz'];
  assert.deepEqual(mailFileNames(names), names);
  assert.deepEqual(mailFileNames([null, 'C:\\Users\\x\\y.doc', 'y.doc']), ['attachment', 'y.doc', 'y-2.doc']);
});
