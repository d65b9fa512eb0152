import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeFolder, startKazi, startServing } from '../cli/kazi-process.ts';
import { createTestDatabase } from '../support/database.ts';

test('kazi run goes on across the kill and restart of the server, without a gap or a repeated line of the log', async (t) => {
  const database = await createTestDatabase(t);
  const cwd = await makeFolder(t);
  const env = { DATABASE_URL: database.url, KAZI_LEASE_MS: '1000' };
  const first = await startServing({ cwd, env });
  // The first step is journaled before the kill, so that only the second one runs again.
  const script = '```sh\necho one\n```\n```sh\necho two; test -e killed || { touch begun; sleep 60; }; echo three\n```';
  const running = startKazi(['run', '--session', 'restarted', script], { cwd, env: first.env });
  await running.waitFor('stdout', /two/);
  first.process.child.kill('SIGKILL');
  await first.process.ended;
  const { port } = new URL(first.url);
  const second = await startServing({ cwd, env, argv: ['--port', port] });
  t.after(async () => await second.stop());
  await running.waitFor('stdout', /connection lost[^]*goes on, attempt 2/);
  running.child.kill('SIGINT');
  const { code, stdout } = await running.ended;
  assert.equal(code, 3);
  assert.equal(stdout.match(/^ {2}one$/gm)?.length, 1);
  assert.match(stdout, /^canceled after/m);
});
