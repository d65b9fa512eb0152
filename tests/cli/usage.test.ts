import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { startApi } from '../support/api.ts';
import { bearer, send } from '../support/api-client.ts';
import { paidRuntime } from '../support/paid-runtime.ts';
import { eventually } from '../support/signals.ts';
import { type CallResult, callKazi, makeFolder } from './kazi-process.ts';

const api = await startApi({ runtimes: [paidRuntime] });
const folder = await makeFolder({ after });

const kazi = async (argv: readonly string[]): Promise<CallResult> =>
  await callKazi(argv, { cwd: folder, env: { KAZI_URL: api.url, KAZI_API_KEY: api.adminKey } });

/** Runs a job of the session that pays one known and one unknown price. */
const pay = async (sessionId: string): Promise<void> => {
  const question = JSON.stringify([
    { model: 'gpt-5', cost: 1_500, tokens: 10 },
    { model: 'homemade', cost: null, tokens: null },
  ]);
  const body = { question, agent_type: 'default', session_id: sessionId };
  const made = await send(api.url, { method: 'POST', path: '/submit', headers: bearer(api.adminKey), body });
  assert.equal(made.status, 200, made.text);
  await eventually('the end of the job', async () => {
    const path = `/jobs/${String(made.json['job_id'])}`;
    return (await send(api.url, { path, headers: bearer(api.adminKey) })).json['status'] === 'complete';
  });
};

await pay('paying');

describe('kazi usage', () => {
  test('prints a table with totals, and says on stderr what is not known', async () => {
    const { code, stdout, stderr } = await kazi(['usage', '--group-by', 'model']);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^MODEL +CALLS +INPUT +CACHED +OUTPUT +COST \(USD\)\n/);
    assert.match(stdout, /^openai\/gpt-5 +1 +10 +2 +20 +0\.0015\n/m);
    assert.match(stdout, /^openai\/homemade +1 +- +- +- +\?\n/m);
    assert.match(stdout, /^total +2 +10 +2 +20 +0\.0015 \+ \?\n$/m);
    assert.match(stderr, /price of 1 of 2 model calls is unknown/);
  });

  test('prints JSON and CSV for programs, and the cursor of the next page on stderr', async () => {
    const json = JSON.parse((await kazi(['usage', '--json'])).stdout) as { total: { cost_micros: number } };
    assert.equal(json.total.cost_micros, 1_500);
    const first = await kazi(['usage', '--csv', '--group-by', 'model', '--limit', '1']);
    assert.match(first.stdout, /^model,calls,.*\r\nopenai\/gpt-5,1,10,2,1,20,3,0\.0015,1500,0\r\n$/);
    const cursor = /^more: --cursor (\S+)\n$/.exec(first.stderr)?.[1] ?? '';
    const second = await kazi(['usage', '--csv', '--group-by', 'model', '--limit', '1', '--cursor', cursor]);
    assert.match(second.stdout, /\r\nopenai\/homemade,1,,,,,,,,1\r\n$/);
    assert.equal(second.stderr, '');
  });

  test('ends with 2 and the words of the server for a group that it does not know', async () => {
    const { code, stderr } = await kazi(['usage', '--group-by', 'modle']);
    assert.deepEqual([code, /did you mean "model"\?/.test(stderr)], [2, true]);
  });
});

describe('kazi budgets', () => {
  test('lists what was spent, and sets limits that hold at once', async () => {
    const set = await kazi(['budgets', 'set', 'session', 'paying', '--max-cost', '0.5', '--max-requests', '1']);
    assert.match(set.stdout, /^KIND .*\nsession +paying +0\.5 +0\.001501 +0 +1 +1\n$/, set.stderr);
    const body = { question: '[]', agent_type: 'default', session_id: 'paying' };
    const refused = await send(api.url, { method: 'POST', path: '/submit', headers: bearer(api.adminKey), body });
    assert.equal(refused.status, 429);
    const cleared = await kazi([
      'budgets',
      'set',
      'session',
      'paying',
      '--max-requests',
      'default',
      '--max-cost',
      'unlimited',
    ]);
    assert.match(cleared.stdout, /^session +paying +unlimited +0\.001501 +0 +200 \(default\) +1\n$/m);
    const { stdout } = await kazi(['budgets', 'list']);
    assert.match(stdout, /^tenant +- +unlimited \(default\) +0\.001501 .*\nsession_default +- +2 \(default\) .*\n/m);
    const listed = JSON.parse((await kazi(['budgets', 'list', '--kind', 'session', '--json'])).stdout) as {
      budgets: readonly { readonly id: string }[];
    };
    assert.deepEqual(
      listed.budgets.map(({ id }) => id),
      ['paying'],
    );
  });

  test('wants a limit, and one that can be read', async () => {
    const none = await kazi(['budgets', 'set', 'tenant']);
    assert.deepEqual(
      [none.code, none.stderr],
      [2, 'kazi: found no limit to set, expected --max-cost, --max-requests or both\n'],
    );
    const odd = await kazi(['budgets', 'set', 'tenant', '--max-cost', 'lots']);
    assert.deepEqual([odd.code, /found --max-cost "lots", expected a number/.test(odd.stderr)], [2, true]);
    const unknown = await kazi(['budgets', 'set', 'tennant', '--max-cost', '1']);
    assert.deepEqual([unknown.code, /did you mean "tenant"\?/.test(unknown.stderr)], [2, true]);
  });
});
