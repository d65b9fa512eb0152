import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { isKaziError } from '../core/errors.ts';
import { parseWorkspacePath } from './workspace-path.ts';

describe('a path in a workspace', () => {
  test('may be relative, or absolute below /workspace', () => {
    assert.deepEqual(parseWorkspacePath('a/b.txt'), ['a', 'b.txt']);
    assert.deepEqual(parseWorkspacePath('/workspace/a//./b.txt'), ['a', 'b.txt']);
    assert.deepEqual(parseWorkspacePath('/workspace'), []);
    assert.deepEqual(parseWorkspacePath('.'), []);
  });

  test('is refused when it could name something outside', () => {
    for (const path of [
      '..',
      'a/../../b',
      '/etc/passwd',
      '/workspace/../etc',
      '/workspaces/a',
      'a\0b',
      'x'.repeat(256),
    ]) {
      assert.throws(
        () => parseWorkspacePath(path),
        (error) => isKaziError(error, 'SANDBOX_PATH_REFUSED'),
        path,
      );
    }
  });

  test('never yields a name that moves up or holds a separator, whatever the input', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('..', '.', '/', 'a', '\0', '/workspace', 'é')), (parts) => {
        let names: readonly string[] = [];
        try {
          names = parseWorkspacePath(parts.join(''));
        } catch (error) {
          assert.ok(isKaziError(error, 'SANDBOX_PATH_REFUSED'));
        }
        assert.ok(names.every((name) => name !== '' && name !== '.' && name !== '..' && !/[/\0]/.test(name)));
      }),
    );
  });
});
