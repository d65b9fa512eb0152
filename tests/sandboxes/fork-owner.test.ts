import assert from 'node:assert/strict';
import { lstat, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { bearer, send } from '../support/api-client.ts';
import { createTestDatabase } from '../support/database.ts';
import { TEST_API_KEY } from '../support/job-client.ts';
import { rowsOf } from '../support/rows.ts';
import { ServerProcess } from '../support/server-process.ts';
import { findSkipReason, makeFolder } from './support.ts';

test('the files of a fork belong to the user of its own session, links stay links, and the source keeps its owner', {
  skip: await findSkipReason('bubblewrap'),
}, async (t) => {
  const database = await createTestDatabase(t);
  const dataDir = await makeFolder(t);
  const server = await ServerProcess.start({
    DATABASE_URL: database.url,
    KAZI_DATA_DIR: dataDir,
    KAZI_SANDBOX: 'bubblewrap',
  });
  t.after(async () => await server.stopWell());
  const ask = async (question: string, parts: Readonly<Record<string, unknown>> = {}) => {
    const body = { agent_type: 'shell', session_id: 'source', question, ...parts };
    const { json } = await send(server.url, { method: 'POST', path: '/query', headers: bearer(TEST_API_KEY), body });
    return { sessionId: String(json['session_id']), text: (json['summary'] as { text: string }).text.trim() };
  };
  const made = await ask(
    'mkdir d && echo one > d/file && ln -s /etc/shadow out && ln -s ../../.. up && ln d/file again && id -u',
  );
  const forked = await ask('id -u; stat -c %u . d d/file out again; echo two >> d/file; cat d/file; rm again', {
    fork_session: true,
  });
  const [own, ...rest] = forked.text.split('\n');
  assert.deepEqual(rest, [own, own, own, own, own, 'one', 'two']);
  assert.equal((await ask('stat -c %u d/file again; cat d/file')).text, `${made.text}\n${made.text}\none`);

  const [row] = await rowsOf(database.url)<{ num: string }>('select num from sessions where id = $1', [
    forked.sessionId,
  ]);
  const files = join(dataDir, 'workspaces', row?.num ?? '', 'files');
  assert.deepEqual(
    [await readlink(join(files, 'out')), await readlink(join(files, 'up'))],
    ['/etc/shadow', '../../..'],
  );
  const isRoot = process.getuid?.() === 0;
  assert.equal((await lstat(join(files, 'd/file'))).uid === (await lstat(join(dataDir, 'workspaces'))).uid, !isRoot);
});
