import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { artifactContentType, attachmentDisposition } from './artifact-download.ts';

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
        const match = /^attachment; filename="([^"\\/:*?<>|]{0,255})"; filename\*=UTF-8''([A-Za-z0-9%._~!-]*)$/.exec(
          header,
        );
        assert.ok(match, header);
        assert.ok(decodeURIComponent(match[2] ?? '').length <= 255);
        assert.match(header, /^[\x20-\x7e]*$/);
      }),
    );
  });
});
