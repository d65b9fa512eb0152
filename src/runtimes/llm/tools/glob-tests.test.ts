import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isKaziError } from '../../../core/errors.ts';
import { globTests } from './glob-tests.ts';

test('a glob without a folder is a name at any depth, and quotes stay what they are', () => {
  assert.equal(globTests("it's*", '.'), String.raw`\( -name 'it'\''s*' \)`);
  assert.equal(globTests('!*.{ts,js}', '.'), String.raw`! \( -name '*.ts' -o -name '*.js' \)`);
});

test('a glob with folders begins where the search begins, whose own name is no glob', () => {
  assert.equal(
    globTests('a/*.ts', './w[x]/.'),
    String.raw`\( \( -path './w\[x\]/./a/*.ts' ! -path './w\[x\]/./*/*/*' \) \)`,
  );
  assert.equal(
    globTests('**/b/*.ts', '.'),
    String.raw`\( \( -path './b/*.ts' ! -path './*/*/*' \) -o -path './*/b/*.ts' \)`,
  );
});

test('braces that never close are letters', () => {
  assert.equal(globTests('a{b,c', '.'), String.raw`\( -name 'a{b,c' \)`);
});

test('a glob that stands for too many is refused before it takes any room', () => {
  assert.throws(
    () => globTests('{a,b}'.repeat(40), '.'),
    (error) => isKaziError(error, 'INVALID_REQUEST'),
  );
  assert.throws(
    () => globTests('**/'.repeat(40), '.'),
    (error) => isKaziError(error, 'INVALID_REQUEST'),
  );
});
