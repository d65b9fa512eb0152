import assert from 'node:assert/strict';
import { posix } from 'node:path';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { isArtifactPath, parseArtifactPath } from './artifact-path.ts';
import { isKaziError } from './errors.ts';

describe('artifact paths', () => {
  test('encoded and plain separators name the same file', () => {
    assert.equal(parseArtifactPath('out%2Freport.md'), 'out/report.md');
    assert.equal(parseArtifactPath('out/report.md'), 'out/report.md');
  });

  test('a path is decoded once and normalised', () => {
    assert.equal(parseArtifactPath('a%2520b'), 'a%20b');
    assert.equal(parseArtifactPath('./a//b/../c'), 'a/c');
    assert.equal(parseArtifactPath('..a/b..'), '..a/b..');
  });

  test('a backslash inside a name is a character like any other', () => {
    assert.equal(parseArtifactPath('a%5Cb.txt'), 'a\\b.txt');
  });

  test('broken percent-encoding is a fault of its own', () => {
    for (const path of ['%zz', '%', 'a%2', '%ff', '%c3%28']) {
      assert.throws(() => parseArtifactPath(path), { code: 'INVALID_ARTIFACT_PATH' });
    }
  });

  test('whatever cannot name a file inside is not found', () => {
    const empty = ['', '.', '/', '//', 'a/', 'a/..'];
    const outside = ['..', '/etc/passwd', '%2Fetc%2Fpasswd', '..%2f..%2fetc', 'a/../../b', 'a/%2e%2e/%2e%2e/b'];
    const forOtherSystems = ['a%00b', '..%5C..%5Cetc', 'a/..%5C..', 'C:%5Cx', 'c:/x', '%5Cx'];
    const refused = empty.concat(outside, forOtherSystems);
    for (const path of refused) assert.throws(() => parseArtifactPath(path), { code: 'ARTIFACT_NOT_FOUND' }, path);
  });

  test('no input ever leads outside', () => {
    const piece = fc.constantFrom(
      '..',
      '.',
      '/',
      '\\',
      '%2e',
      '%2F',
      '%5c',
      '%00',
      '%25',
      'a',
      'C:',
      '~',
      '\0',
      'é',
      '\ud800',
    );
    const hostile = fc.oneof(
      fc.array(piece).map((pieces) => pieces.join('')),
      fc.string({ unit: 'binary' }),
    );
    fc.assert(
      fc.property(hostile, (input) => {
        try {
          const path = parseArtifactPath(input);
          assert.ok(posix.resolve('/root/inside', path).startsWith('/root/inside/'));
          assert.ok(!path.includes('\0') && !path.split(/[\\/]/).includes('..'));
          assert.equal(parseArtifactPath(encodeURIComponent(path)), path);
        } catch (error) {
          assert.ok(isKaziError(error, 'INVALID_ARTIFACT_PATH') || isKaziError(error, 'ARTIFACT_NOT_FOUND'));
        }
      }),
      { numRuns: 1000 },
    );
  });

  test('only a normalised path is accepted into a manifest', () => {
    assert.deepEqual(['a', 'a/b c', 'ä\n.txt'].map(isArtifactPath), [true, true, true]);
    assert.deepEqual(['a/../b', './a', 'a//b', '../a', '..\\a', '\ud800'].map(isArtifactPath), Array(6).fill(false));
  });
});
