import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { verifySessionToken } from '../../src/core/session-token.ts';
import { createTestDatabase } from '../support/database.ts';
import { type CallResult, callKazi, makeFolder, startServing } from './kazi-process.ts';

const database = await createTestDatabase();
const folder = await makeFolder({ after });
const server = await startServing({ cwd: folder, env: { DATABASE_URL: database.url } });
after(async () => await server.stop());

const kazi = async (argv: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<CallResult> =>
  await callKazi(argv, { cwd: folder, env: { ...server.env, ...env } });

const submit = async (argv: readonly string[]): Promise<string> =>
  (await kazi(['run', '--detach', ...argv])).stdout.trim();

describe('kazi jobs', () => {
  test('lists jobs as a table and as JSON, newest first, page by page', async () => {
    const older = await submit(['--session', 'listed', '--agent', 'echo', 'first']);
    const newer = await submit(['--session', 'listed', '--agent', 'echo', 'second']);
    const table = await kazi(['jobs', 'list', '--session', 'listed']);
    assert.match(table.stdout, new RegExp(`^JOB .*\\n${newer} .*second\\n${older} .*first\\n$`));
    const first = JSON.parse(
      (await kazi(['jobs', 'list', '--session', 'listed', '--limit', '1', '--json'])).stdout,
    ) as ListPage;
    const rest = await kazi(['jobs', 'list', '--session', 'listed', '--cursor', first.next_cursor ?? '', '--json']);
    assert.deepEqual(
      [...first.jobs, ...(JSON.parse(rest.stdout) as ListPage).jobs].map(({ job_id }) => job_id),
      [newer, older],
    );
  });

  test('shows one job, as lines and as JSON', async () => {
    const id = await submit(['--agent', 'echo', 'seen']);
    await kazi(['jobs', 'events', '--follow', id]);
    assert.match((await kazi(['jobs', 'get', id])).stdout, /^status +complete.*\n[^]*\n\nseen\n$/m);
    const { job_id, question } = JSON.parse((await kazi(['jobs', 'get', '--json', id])).stdout) as {
      job_id: string;
      question: string;
    };
    assert.deepEqual([job_id, question], [id, 'seen']);
  });

  test('cancels a job that runs', async () => {
    const id = await submit(['echo begun; sleep 60']);
    const { code, stdout } = await kazi(['jobs', 'cancel', id]);
    assert.deepEqual([code, stdout], [0, `${id} canceled\n`]);
  });

  test('prints the events that are recorded, from any of them on, one JSON object a line', async () => {
    const id = await submit(['--agent', 'echo', 'heard']);
    const followed = await kazi(['jobs', 'events', '--follow', '--json', id]);
    const events = followed.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { seq: number; type: string });
    assert.deepEqual([events.at(0)?.type, events.at(-1)?.type], ['job.submitted', 'job.completed']);
    const recorded = await kazi(['jobs', 'events', '--json', id]);
    assert.equal(recorded.stdout, followed.stdout);
    const later = await kazi(['jobs', 'events', '--after', String(events.at(0)?.seq), id]);
    assert.doesNotMatch(later.stdout, /job\.submitted/);
  });

  test('ends with 1 and the words of the server for a job that does not exist', async () => {
    const { code, stderr } = await kazi(['jobs', 'get', '00000000-0000-4000-8000-000000000000']);
    assert.equal(code, 1);
    assert.match(stderr, /^kazi: .*404: Job not found\n$/);
  });
});

describe('kazi keys', () => {
  test('makes a key that works until it is revoked', async () => {
    const made = JSON.parse(
      (await kazi(['keys', 'create', '--name', 'ci', '--user', 'robot', '--expires', '30d', '--json'])).stdout,
    ) as MadeKey;
    const asRobot = { KAZI_API_KEY: made.api_key };
    assert.equal((await kazi(['jobs', 'list'], asRobot)).code, 0);
    const refused = await kazi(['keys', 'list'], asRobot);
    assert.deepEqual([refused.code, /Admin scope required/.test(refused.stderr)], [2, true]);
    assert.match(
      (await kazi(['keys', 'list'])).stdout,
      new RegExp(`^${made.key.id} .* ci +robot +user +expires 2\\d{3}-`, 'm'),
    );
    assert.equal((await kazi(['keys', 'revoke', made.key.id])).stdout, `${made.key.id} revoked\n`);
    const { code, stderr } = await kazi(['jobs', 'list'], asRobot);
    assert.deepEqual([code, /401: Invalid API key/.test(stderr)], [2, true]);
  });

  test('prints the key alone on stdout, for scripts', async () => {
    const { stdout } = await kazi(['keys', 'create', '--name', 'deploy', '--scope', 'admin']);
    assert.match(stdout, /^kz_[\w-]+\n$/);
    assert.equal((await kazi(['keys', 'list'], { KAZI_API_KEY: stdout.trim() })).code, 0);
  });

  test('wants a name', async () => {
    const { code, stderr } = await kazi(['keys', 'create']);
    assert.deepEqual([code, stderr], [2, "kazi: required option '--name <name>' not specified\n"]);
  });
});

describe('kazi token mint', () => {
  test('signs a token that the server takes for its session, and for no other', async () => {
    const argv = [
      'token',
      'mint',
      '--session',
      'tokened',
      '--session',
      'other',
      '--user',
      'ann',
      '--tenant',
      'default',
      '--ttl',
      '5m',
    ];
    const token = (await kazi(argv)).stdout.trim();
    const submitTo = async (sessionId: string): Promise<number> => {
      const body = JSON.stringify({ question: 'x', agent_type: 'echo', session_id: sessionId });
      const headers = { authorization: `Bearer ${token}` };
      return (await fetch(new URL('/submit', server.url), { method: 'POST', headers, body })).status;
    };
    assert.deepEqual([await submitTo('tokened'), await submitTo('other'), await submitTo('foreign')], [200, 200, 403]);
  });

  test('signs with the secret of a file or a variable, which is never an argument', async (t) => {
    const elsewhere = await makeFolder(t);
    const file = join(elsewhere, 'secret');
    await writeFile(file, 'a secret of some backend\n');
    const nowhere = { KAZI_DATA_DIR: elsewhere, SOME_SECRET: ' a secret of some backend ' };
    for (const source of [
      ['--secret-file', file],
      ['--secret-env', 'SOME_SECRET'],
    ]) {
      const { stdout } = await kazi(['token', 'mint', '--user', 'ann', '--tenant', 'acme', ...source], nowhere);
      const secrets = [{ secret: 'a secret of some backend', tenantId: null }];
      const principal = verifySessionToken({ token: stdout.trim(), secrets, nowMs: Date.now() });
      assert.deepEqual([principal.userId, principal.tenantId], ['ann', 'acme']);
    }
    for (const [argv, fault] of [
      [['--secret-env', 'UNSET_SECRET'], /found nothing in the variable "UNSET_SECRET", expected a signing secret/],
      [['--secret-file', join(elsewhere, 'none')], /cannot read ".*none", expected a signing secret/],
      [['--secret-file', file, '--secret-env', 'SOME_SECRET'], /expected one of them/],
      [['--secret-file', file, '--user', ' '], /found " ", expected 1 to 256 characters; correct --user/],
    ] as const) {
      const { code, stderr } = await kazi(['token', 'mint', ...argv], nowhere);
      assert.equal(code, 2);
      assert.match(stderr, fault);
    }
  });

  test('refuses a life that is no duration, and a folder without a secret', async (t) => {
    assert.equal((await kazi(['token', 'mint', '--ttl', 'long'])).code, 2);
    const { code, stderr } = await kazi(['token', 'mint'], { KAZI_DATA_DIR: await makeFolder(t) });
    assert.deepEqual([code, /found no signing secret/.test(stderr)], [2, true]);
  });
});

describe('kazi doctor', () => {
  test('says of each part what it found, and ends with 0 where serve works', async (t) => {
    const env = { KAZI_DATA_DIR: await makeFolder(t), KAZI_PORT: '0' };
    const { code, stdout } = await kazi(['doctor', '--json'], env);
    const { ok, checks } = JSON.parse(stdout) as Report;
    assert.deepEqual([code, ok], [0, true]);
    const names = [
      'node',
      'machine',
      'cgroups',
      'data folder',
      'listener',
      'database',
      'sandbox',
      'model',
      'default agent',
      'mail',
    ];
    assert.deepEqual(
      checks.map(({ name }) => name),
      names,
    );
    assert.ok(checks.every(({ level, remedy }) => level === 'ok' || typeof remedy === 'string'));
  });

  test('looks into the database that DATABASE_URL names, and knocks at the relay for mail', async () => {
    const relay = { KAZI_SMTP_PORT: '2525', KAZI_SMTP_RELAY_URL: 'smtp://me:hunter2@127.0.0.1:9' };
    const { stdout } = await kazi(['doctor'], { DATABASE_URL: database.url, KAZI_PORT: '0', ...relay });
    assert.match(stdout, /^OK {3}database: PostgreSQL \d+.*migrations current$/m);
    assert.match(
      stdout,
      /^WARN mail: listens on 127\.0\.0\.1:2525 for \*@kazi\.localhost; the relay 127\.0\.0\.1:9 cannot be reached \(ECONNREFUSED\)$/m,
    );
    assert.doesNotMatch(stdout, /hunter2/);
  });

  test('ends with 1 and a remedy where serve would not work, without showing a password', async () => {
    const { port } = new URL(server.url);
    const env = {
      DATABASE_URL: 'postgres://me:hunter2@127.0.0.1:9/none',
      KAZI_PORT: port,
      KAZI_DATA_DIR: '/dev/null/kazi',
    };
    const { code, stdout } = await kazi(['doctor'], env);
    assert.equal(code, 1);
    for (const name of ['database', 'listener', 'data folder'])
      assert.match(stdout, new RegExp(`^FAIL ${name}: .*\\n {5}\\S`, 'm'));
    assert.doesNotMatch(stdout, /hunter2/);
  });

  test('reports a configuration that cannot be used as one of its findings', async () => {
    const { code, stdout } = await kazi(['doctor'], { KAZI_PORT: 'x' });
    assert.equal(code, 1);
    assert.match(stdout, /^FAIL configuration: .*\n.*KAZI_PORT/m);
  });
});

interface ListPage {
  readonly jobs: readonly { readonly job_id: string }[];
  readonly next_cursor: string | null;
}

interface MadeKey {
  readonly api_key: string;
  readonly key: { readonly id: string };
}

interface Report {
  readonly ok: boolean;
  readonly checks: readonly { readonly name: string; readonly level: string; readonly remedy?: string }[];
}
