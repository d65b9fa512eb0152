import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { forgetScan, scanBeforeJob } from '../../src/workspaces/kept-scan.ts';
import { changedFiles, scanWorkspace } from '../../src/workspaces/scan.ts';
import { prepareWorkspace } from '../../src/workspaces/workspace.ts';

let root = '';
let dataDir = '';
before(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'kazi scans '));
  root = await prepareWorkspace(dataDir, 1);
});
after(() => rm(dataDir, { recursive: true, force: true }));

test('a later attempt still finds the files of an earlier one among the changes', async () => {
  await writeFile(join(root, 'of an earlier job'), 'x');
  const first = await scanBeforeJob({ root, jobId: 'a' });
  await writeFile(join(root, 'made by\nattempt 1'), 'x');
  const second = await scanBeforeJob({ root, jobId: 'a' });
  assert.deepEqual(second, first);
  assert.deepEqual(changedFiles(second, await scanWorkspace(root)), ['made by\nattempt 1']);
});

test('each job has its own beginning', async () => {
  assert.deepEqual(await scanBeforeJob({ root, jobId: 'b' }), await scanWorkspace(root));
});

test('what is kept lies outside the workspace, closed to others, and is forgotten on request', async () => {
  await scanBeforeJob({ root, jobId: 'c' });
  const folder = join(dirname(root), 'before');
  assert.equal((await stat(folder)).mode & 0o777, 0o700);
  for (const jobId of ['a', 'b', 'c', 'c']) await forgetScan({ root, jobId });
  assert.deepEqual(await readdir(folder), []);
});
