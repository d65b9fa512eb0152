import assert from 'node:assert/strict';
import { posix } from 'node:path';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { artifactContentType, attachmentDisposition, isArtifactPath, parseArtifactPath } from './artifact-path.ts';
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
    const refused = [
      ...['', '.', '..', '/', '//', 'a/', 'a/..', 'a/../', '/etc/passwd', '%2Fetc%2Fpasswd'],
      ...['..%2f..%2fetc', 'a/../../b', 'a/%2e%2e/%2e%2e/b', 'a%00b', '..%5C..%5Cetc', 'a/..%5C..', 'C:%5Cx', 'c:/x', '%5Cx'],
    ];
    for (const path of refused) assert.throws(() => parseArtifactPath(path), { code: 'ARTIFACT_NOT_FOUND' }, path);
  });

  test('no input ever leads outside', () => {
    const piece = fc.constantFrom('..', '.', '/', '\\', '%2e', '%2F', '%5c', '%00', '%25', 'a', 'C:', '~', '\0', 'é', '\ud800');
    const hostile = fc.oneof(fc.array(piece).map((pieces) => pieces.join('')), fc.string({ unit: 'binary' }));
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

describe('download headers', () => {
  test('the type comes from the extension, or is unknown', () => {
    assert.equal(artifactContentType('a/report.MD'), 'text/markdown');
    assert.equal(artifactContentType('page.html'), 'text/html');
    for (const path of ['Makefile', 'a.unheard-of', '.png', 'png']) assert.equal(artifactContentType(path), null, path);
  });

  test('a plain name is offered as it is', () => {
    assert.equal(attachmentDisposition('out/a b.txt'), `attachment; filename="a b.txt"; filename*=UTF-8''a%20b.txt`);
  });

  test('characters that file systems refuse become underscores', () => {
    assert.match(attachmentDisposition('a\\b:c*d?e"f<g>h|i\r\nj\tk'), /filename="a_b_c_d_e_f_g_h_i__j_k";/);
  });

  test('other scripts travel in the extended form', () => {
    const expected = `attachment; filename="_t_'(1)"; filename*=UTF-8''%C3%A9t%C3%A9%27%281%29`;
    assert.equal(attachmentDisposition("été'(1)"), expected);
  });

  test('any name gives one safe header of bounded length', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 400 }), (name) => {
        const header = attachmentDisposition(name);
        const match = /^attachment; filename="([^"\\/:*?<>|]{0,255})"; filename\*=UTF-8''([A-Za-z0-9%._~!-]*)$/.exec(header);
        assert.ok(match, header);
        assert.ok(decodeURIComponent(match[2] ?? '').length <= 255);
        assert.match(header, /^[\x20-\x7e]*$/);
      }),
    );
  });
});
