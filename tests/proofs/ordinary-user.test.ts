import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { isReadableByOthers } from '../../src/sandboxes/is-reachable.ts';

/** Any uid that is nobody's. */
const ORDINARY_UID = 29_999;
const FILES = ['bubblewrap.test.ts', 'escape.test.ts', 'bombs.test.ts', 'just-bash-escape.test.ts'].map((name) =>
  join(import.meta.dirname, '../sandboxes', name),
);

const findSkipReason = (): string | false => {
  if (process.getuid?.() !== 0) return 'runs as an ordinary user already: the other files have covered it';
  const isReadable = [process.execPath, ...FILES].every(isReadableByOthers);
  return isReadable ? false : 'an ordinary user cannot read this clone';
};

test('an ordinary user gets the same sandboxes, as hard to escape from', {
  skip: findSkipReason(),
  timeout: 170_000,
}, async () => {
  for (const file of FILES) await access(file);
  const env = { ...process.env };
  // Set by the runner of this file; the inner run is one of its own.
  delete env['NODE_TEST_CONTEXT'];
  const child = spawn(process.execPath, ['--test', '--test-reporter=tap', ...FILES], {
    uid: ORDINARY_UID,
    gid: ORDINARY_UID,
    cwd: '/',
    env: { ...env, HOME: '/tmp' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [report] = await Promise.all([text(child.stdout), once(child, 'exit')]);
  assert.equal(child.exitCode, 0, report);
  assert.match(report, /^# pass [1-9]/m);
});
