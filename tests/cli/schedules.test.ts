import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { startApi } from '../support/api.ts';
import { eventually } from '../support/signals.ts';
import { type CallResult, callKazi, makeFolder } from './kazi-process.ts';

const api = await startApi();
const folder = await makeFolder({ after });
const kazi = async (...argv: readonly string[]): Promise<CallResult> =>
  await callKazi(['schedules', ...argv], { cwd: folder, env: { KAZI_URL: api.url, KAZI_API_KEY: api.adminKey } });

test('kazi schedules makes, lists, shows and previews', async () => {
  const made = await kazi(
    'create',
    'write a report',
    '--cron',
    '0 9 * * MON',
    '--timezone',
    'Europe/Berlin',
    '--agent',
    'echo',
  );
  assert.equal(made.code, 0, made.stderr);
  const id = made.stdout.trim();
  const list = await kazi('list');
  assert.match(
    list.stdout,
    new RegExp(`^ID .*\\n${id} +enabled +0 9 \\* \\* MON Europe/Berlin +\\S+ \\S+ +- +write a report\\n$`),
  );
  assert.match((await kazi('get', id)).stdout, /^name +write a report\n[^]*^agent +echo\n\nwrite a report\n$/m);
  const preview = await kazi('preview', id, '--count', '3');
  assert.match(preview.stdout, /^(?:\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\n){3}$/);
});

test('kazi schedules pauses, resumes, runs and deletes', async () => {
  const id = (await kazi('create', 'x', '--cron', '@daily', '--agent', 'echo')).stdout.trim();
  assert.match((await kazi('pause', id)).stdout, /^state +paused$/m);
  assert.equal((await kazi('preview', id)).stdout, '');
  assert.match((await kazi('resume', id)).stdout, /^state +enabled$/m);
  const started = await kazi('run', id);
  assert.match(started.stdout, /^[0-9a-f-]{36}\n$/);
  const runs = await eventually('the run in the log', async () => {
    const { stdout } = await kazi('runs', id);
    return stdout.includes('fired') && stdout;
  });
  assert.match(runs, new RegExp(`manual +fired +${started.stdout.trim()} +-\\n$`));
  assert.equal((await kazi('delete', id)).stdout, `${id} deleted\n`);
  const gone = await kazi('get', id);
  assert.equal(gone.code, 1);
  assert.match(gone.stderr, /404: Schedule not found/);
});

test('kazi schedules create knows every kind and policy, and prints JSON', async () => {
  const read = async (...argv: readonly string[]): Promise<Record<string, unknown>> => {
    const made = await kazi('create', 'x', ...argv, '--json');
    assert.equal(made.code, 0, made.stderr);
    return JSON.parse(made.stdout) as Record<string, unknown>;
  };
  const every = await read(
    '--every',
    '12h',
    '--new-sessions',
    '--overlap',
    'allow',
    '--catch-up',
    'all',
    '--jitter',
    '5m',
    '--paused',
  );
  assert.deepEqual(
    [
      every['interval_seconds'],
      every['session_mode'],
      every['overlap'],
      every['catch_up'],
      every['jitter_seconds'],
      every['enabled'],
    ],
    [43_200, 'new', 'allow', 'all', 300, false],
  );
  const limits = await read(
    '--in',
    '90s',
    '--budget',
    'low',
    '--pause-after',
    '3',
    '--max-runs',
    '5',
    '--until',
    '2100-01-01T00:00:00Z',
  );
  assert.deepEqual(
    [limits['delay_seconds'], limits['budget'], limits['pause_after_failures'], limits['max_runs'], limits['ends_at']],
    [90, 'low', 3, 5, Date.UTC(2100, 0, 1) / 1_000],
  );
  assert.equal((await read('--at', '4000000000'))['run_at'], 4_000_000_000);
});

test('kazi schedules create tells what it needs', async () => {
  const calls = [
    [['create', 'x'], /found 0 of --cron, --at, --in and --every/],
    [['create', 'x', '--in', '5m', '--every', '5m'], /found 2 of/],
    [['create', 'x', '--at', 'tomorrow'], /found --at "tomorrow"/],
    [['create', 'x', '--cron', 'daily'], /400: Invalid cron expression/],
    [['create', 'x', '--every', '1h', '--overlap', 'allow'], /Invalid overlap: found "allow"/],
  ] as const;
  for (const [argv, message] of calls) {
    const refused = await kazi(...argv);
    assert.equal(refused.code, 2, argv.join(' '));
    assert.match(refused.stderr, message);
  }
});
