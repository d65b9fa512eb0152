import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import pg from 'pg';
import { startEmbeddedPostgres } from '../../src/postgres/embedded-postgres.ts';
import { captureLog } from '../postgres/captured-log.ts';
import { atEnd, query, sharedFolder } from '../postgres/scratch.ts';
import { startServingProcess } from '../postgres/serving-process.ts';
import { silentLogger } from '../postgres/silent-logger.ts';

const dataDir = await sharedFolder();

const ps = async (column: string, pid: number): Promise<string> => {
  const child = spawn('ps', ['-o', `${column}=`, '-p', String(pid)], { stdio: ['ignore', 'pipe', 'inherit'] });
  return (await child.stdout.toArray()).join('').trim();
};

/** False for a process that has ended and only waits to be reaped, which for an orphan is up to the machine. */
const isRunning = async (pid: number): Promise<boolean> => !/^(Z|$)/.test(await ps('stat', pid));

const pidInFile = async (): Promise<number> =>
  Number((await readFile(join(dataDir, 'postgres/postmaster.pid'), 'utf8')).split('\n')[0]);

describe('one data folder', () => {
  test('is refused to a second server while the first lives, also while it is stopped in its tracks', async (t) => {
    const first = await startServingProcess(t, { dataDir });
    const refusal = {
      code: 'DATA_DIR_IN_USE',
      message: new RegExp(
        `"${dataDir}" is in use by the kazi server with process id ${first.child.pid}, .* KAZI_DATA_DIR`,
      ),
    };
    await assert.rejects(startEmbeddedPostgres({ dataDir, log: silentLogger() }), refusal);
    first.child.kill('SIGSTOP');
    atEnd(t, () => first.child.kill('SIGCONT'));
    await assert.rejects(startEmbeddedPostgres({ dataDir, log: silentLogger() }), refusal);
    assert.deepEqual(await query(first.url, 'select 1 as one'), [{ one: 1 }]);
    first.child.kill('SIGCONT');
  });

  test('is refused to a second server in the same process, which does not weaken the lock of the first', async (t) => {
    const first = await startEmbeddedPostgres({ dataDir, log: silentLogger() });
    atEnd(t, () => first.stop());
    await assert.rejects(startEmbeddedPostgres({ dataDir, log: silentLogger() }), { code: 'DATA_DIR_IN_USE' });
    const second = await startServingProcess(t, { dataDir });
    assert.equal(second.code, 'DATA_DIR_IN_USE');
  });

  test('goes to exactly one of several servers that start at once', async (t) => {
    const outcomes = await Promise.all([1, 2, 3].map(() => startServingProcess(t, { dataDir })));
    const refused = outcomes.filter(({ code }) => code === 'DATA_DIR_IN_USE');
    assert.equal(refused.length, 2);
    assert.equal(outcomes.filter(({ url }) => url !== '').length, 1);
  });
});

describe('after SIGKILL', () => {
  test('of kazi, the next start ends the PostgreSQL it left behind and has all data', async (t) => {
    const killed = await startServingProcess(t, { dataDir });
    await query(killed.url, 'create table killed_kazi (text text)', `insert into killed_kazi values ('committed')`);
    killed.child.kill('SIGKILL');
    await once(killed.child, 'exit');
    assert.ok(await isRunning(killed.pid), 'PostgreSQL outlives its supervisor');

    const { log, messages } = captureLog();
    const next = await startEmbeddedPostgres({ dataDir, log });
    atEnd(t, () => next.stop());
    assert.ok(messages.includes('stopping the postgres that a killed kazi left behind'));
    assert.ok(!(await isRunning(killed.pid)));
    assert.notEqual(next.pid, killed.pid);
    assert.deepEqual(await query(next.url, 'select text from killed_kazi'), [{ text: 'committed' }]);
  });

  test('of kazi and PostgreSQL, a stranger that got the process id is left alone', async (t) => {
    const killed = await startServingProcess(t, { dataDir });
    process.kill(killed.child.pid ?? 0, 'SIGKILL');
    await once(killed.child, 'exit');
    process.kill(killed.pid, 'SIGKILL');
    const owner = process.getuid?.() === 0 ? { uid: 60_777, gid: 60_777 } : {};
    const stranger = spawn('sleep', ['600'], { cwd: '/', ...owner });
    atEnd(t, () => stranger.kill('SIGKILL'));
    for (const name of ['postmaster.pid', '.s.PGSQL.5432.lock']) {
      const path = join(dataDir, 'postgres', name);
      const lines = (await readFile(path, 'utf8')).split('\n');
      await writeFile(path, [String(stranger.pid), ...lines.slice(1)].join('\n'));
    }

    const next = await startEmbeddedPostgres({ dataDir, log: silentLogger() });
    atEnd(t, () => next.stop());
    assert.deepEqual(await query(next.url, 'select 1 as one'), [{ one: 1 }]);
    assert.ok(await isRunning(stranger.pid ?? 0));
  });

  test('of PostgreSQL, it is restarted at the same address, where pools find it again', async (t) => {
    const { log, saw } = captureLog();
    const postgres = await startEmbeddedPostgres({ dataDir, log });
    atEnd(t, () => postgres.stop());
    const pool = new pg.Pool({ connectionString: postgres.url });
    pool.on('error', () => undefined);
    atEnd(t, () => pool.end());
    await pool.query('create table killed_postgres (text text)');
    const before = postgres.pid;
    process.kill(before, 'SIGKILL');
    await saw('postgres is running again');
    assert.notEqual(postgres.pid, before);
    assert.equal(await pidInFile(), postgres.pid);
    assert.deepEqual((await pool.query('select text from killed_postgres')).rows, []);
  });

  test('of PostgreSQL, the restart is tried until it succeeds', async (t) => {
    const { log, saw } = captureLog();
    const postgres = await startEmbeddedPostgres({ dataDir, log });
    atEnd(t, () => postgres.stop());
    const settingsFile = join(dataDir, 'postgres/postgresql.conf');
    const settings = await readFile(settingsFile, 'utf8');
    await writeFile(settingsFile, `${settings}no_such_setting = 1\n`);
    process.kill(postgres.pid, 'SIGKILL');
    await saw('postgres did not start, trying again');
    await writeFile(settingsFile, settings);
    await saw('postgres is running again');
    assert.deepEqual(await query(postgres.url, 'select 1 as one'), [{ one: 1 }]);
  });

  test('of PostgreSQL, a stop during the restart leaves nothing running', async (t) => {
    const { log, saw } = captureLog();
    const postgres = await startEmbeddedPostgres({ dataDir, log });
    atEnd(t, () => postgres.stop());
    process.kill(postgres.pid, 'SIGKILL');
    await saw('postgres ended unexpectedly, restarting it');
    await postgres.stop();
    assert.ok(!(await isRunning(postgres.pid)));
    const next = await startEmbeddedPostgres({ dataDir, log });
    await next.stop();
  });
});

describe('Ctrl+C at the terminal', () => {
  test('reaches kazi and not its PostgreSQL, which kazi still needs while it drains', async (t) => {
    const serving = await startServingProcess(t, { dataDir });
    assert.notEqual(await ps('pgid', serving.pid), await ps('pgid', serving.child.pid ?? 0));
  });
});
