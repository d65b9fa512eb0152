import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { availableMemory, renderSettings } from './settings.ts';

const GIGABYTE = 1024 ** 3;
const render = (memoryBytes: number, overrides = {}) => renderSettings({ memoryBytes, socketDir: '/a, b', overrides });

describe('renderSettings', () => {
  test('gives PostgreSQL half a gigabyte on a machine with four, and a quarter of that on a smaller one', () => {
    assert.match(render(4 * GIGABYTE), /^shared_buffers = '512MB'$/m);
    assert.match(render(4 * GIGABYTE - 1), /^shared_buffers = '128MB'$/m);
  });

  test('quotes a socket folder as the one member of a list', () => {
    assert.match(render(GIGABYTE), /^unix_socket_directories = '"\/a, b"'$/m);
  });

  test('writes an override once, quoted', () => {
    const lines = render(GIGABYTE, { jit: `o'n\\` }).split('\n');
    assert.deepEqual(
      lines.filter((line) => line.startsWith('jit')),
      [`jit = 'o''n\\\\'`],
    );
  });

  test('refuses a value that would begin a line of its own', () => {
    assert.throws(() => render(GIGABYTE, { jit: "off'\nport = '1" }), { code: 'INVALID_CONFIG' });
  });

  test('refuses to move the files or the socket', () => {
    for (const name of ['hba_file', 'unix_socket_directories']) {
      assert.throws(() => render(GIGABYTE, { [name]: '/elsewhere' }), { code: 'INVALID_CONFIG' });
    }
  });
});

test('availableMemory is a positive number of bytes', () => {
  assert.ok(availableMemory() > 0);
});
