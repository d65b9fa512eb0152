import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, type TestContext, test } from 'node:test';
import { pino } from 'pino';
import { LifeSign } from '../../src/engine/life-sign.ts';

const log = pino({ level: 'silent' });
const SHOW = `
  const { LifeSign } = await import('${new URL('../../src/engine/life-sign.ts', import.meta.url).href}');
  let sign = new LifeSign({ dataDir: process.argv[1], log: null });
  sign.start();
  const { name } = sign;
  // Nobody holds the sign any more: it must stay for all that.
  sign = undefined;
  await new Promise(setImmediate);
  gc();
  gc();
  console.log(name);
  setInterval(() => undefined, 1 << 30);
`;

/** A judge in this process, and another process that shows its sign in the same folder. */
const startBoth = async (t: TestContext) => {
  const dataDir = await mkdtemp(join(tmpdir(), 'kazi-sign-'));
  t.after(() => rm(dataDir, { recursive: true, force: true }));
  const judge = new LifeSign({ dataDir, log });
  judge.start();
  t.after(() => judge.stop());
  const flags = ['--expose-gc', '--disable-warning=ExperimentalWarning', '--input-type=module', '--eval'];
  const child = spawn(process.execPath, [...flags, SHOW, dataDir], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  const said: unknown[] = await once(createInterface({ input: child.stdout }), 'line');
  return { dataDir, judge, child, name: String(said[0]) };
};

const skip = process.platform === 'linux' ? false : 'only Linux tells one boot from another';

describe('a sign of life', { skip }, () => {
  test('of a living process is not that of a dead one, also while the process is stopped', async (t) => {
    const { judge, child, name } = await startBoth(t);
    assert.equal(judge.isOfDead(name), false);
    child.kill('SIGSTOP');
    assert.equal(judge.isOfDead(name), false);
  });

  test('tells of a killed process at once', async (t) => {
    const { judge, child, name } = await startBoth(t);
    child.kill('SIGKILL');
    await once(child, 'exit');
    assert.equal(judge.isOfDead(name), true);
  });

  test('of another boot, of another folder or of nobody proves nothing', async (t) => {
    const { dataDir, judge, child, name } = await startBoth(t);
    const elsewhere = new LifeSign({ dataDir: join(dataDir, 'other'), log });
    elsewhere.start();
    t.after(() => elsewhere.stop());
    child.kill('SIGKILL');
    await once(child, 'exit');
    assert.equal(judge.isOfDead(`${crypto.randomUUID()}/${name.split('/')[1]}`), false);
    assert.equal(elsewhere.isOfDead(name), false);
    assert.equal(judge.isOfDead(`${name}/../x`), false);
    assert.equal(judge.isOfDead(''), false);
  });

  test('is never that of a dead one to its own process, and not to a second node in it', async (t) => {
    const { dataDir, judge } = await startBoth(t);
    const second = new LifeSign({ dataDir, log });
    second.start();
    t.after(() => second.stop());
    for (const sign of [judge, second]) {
      assert.equal(sign.isOfDead(judge.name ?? ''), false);
      assert.equal(sign.isOfDead(second.name ?? ''), false);
    }
  });

  test('is gone after a stop, which may come twice', async (t) => {
    const { dataDir, judge } = await startBoth(t);
    const before = await readdir(join(dataDir, 'nodes'));
    judge.stop();
    judge.stop();
    assert.equal(judge.name, null);
    assert.equal((await readdir(join(dataDir, 'nodes'))).length, before.length - 1);
  });
});
