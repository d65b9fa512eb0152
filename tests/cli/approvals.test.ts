import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { startApi } from '../support/api.ts';
import { bearer, send } from '../support/api-client.ts';
import { ask, WAITING } from '../support/asking-runtime.ts';
import { runResult } from '../support/node.ts';
import { rowsOf } from '../support/rows.ts';
import { eventually } from '../support/signals.ts';
import { type CallResult, callKazi, makeFolder } from './kazi-process.ts';

const api = await startApi({
  runtimes: [
    {
      name: 'shell',
      run: async (context) => {
        const { decision } = await ask(context);
        return !decision || decision.state === 'pending' ? WAITING : runResult(`${decision.state} ${decision.message}`);
      },
    },
  ],
});
const folder = await makeFolder({ after });
const rows = rowsOf(api.databaseUrl);
const kazi = async (...argv: readonly string[]): Promise<CallResult> =>
  await callKazi(['approvals', ...argv], { cwd: folder, env: { KAZI_URL: api.url, KAZI_API_KEY: api.adminKey } });
const submit = async (question: string): Promise<{ readonly jobId: string; readonly id: string }> => {
  const body = { question, agent_type: 'shell' };
  const { json } = await send(api.url, { method: 'POST', path: '/submit', headers: bearer(api.adminKey), body });
  const jobId = String(json['job_id']);
  const id = await eventually('a request', async () => {
    const [row] = await rows<{ id: string }>('select id from approvals where job_id = $1', [jobId]);
    return row?.id;
  });
  return { jobId, id };
};
const answerOf = async (jobId: string): Promise<string> =>
  await eventually('the end of the job', async () => {
    const { json } = await send(api.url, { path: `/jobs/${jobId}`, headers: bearer(api.adminKey) });
    return json['status'] === 'complete' && (json['result'] as { summary: { text: string } }).summary.text;
  });

test('kazi approvals lists what waits, shows it, and lets the job go on with the words that were given', async () => {
  const { jobId, id } = await submit('rm -rf build');
  const table = await kazi('list');
  assert.match(table.stdout, new RegExp(`^ID .*\\n${id} +pending .* shell +bash +\\{"command":"rm -rf build"\\}\\n$`));
  const job = await callKazi(['jobs', 'get', jobId], {
    cwd: folder,
    env: { KAZI_URL: api.url, KAZI_API_KEY: api.adminKey },
  });
  assert.match(job.stdout, /^waits +\S.*$/m);
  const shown = await kazi('show', id);
  assert.match(
    shown.stdout,
    new RegExp(`^state +pending\\njob +${jobId}\\n[^]*^expires +.*, then deny\\n[^]*"rm -rf build"`, 'm'),
  );
  const allowed = await kazi('allow', id, '--message', 'only build/');
  assert.deepEqual([allowed.code, allowed.stdout], [0, `${id} allowed\n`]);
  assert.equal(await answerOf(jobId), 'allowed only build/');
  assert.deepEqual((await kazi('list')).stdout.trimEnd().split('\n').length, 1);
});

test('kazi approvals deny says no, and a second word is refused', async () => {
  const { jobId, id } = await submit('x');
  const denied = await kazi('deny', id, '--json');
  assert.deepEqual(
    [denied.code, (JSON.parse(denied.stdout) as { approval: { state: string } }).approval.state],
    [0, 'denied'],
  );
  assert.equal(await answerOf(jobId), 'denied null');
  const again = await kazi('allow', id);
  assert.equal(again.code, 1);
  assert.match(again.stderr, /^kazi: .*409: Approval already decided: denied by admin at .*\n$/);
  const listed = JSON.parse((await kazi('list', '--state', 'denied', '--json')).stdout) as {
    approvals: { id: string }[];
  };
  assert.deepEqual(
    listed.approvals.map((approval) => approval.id),
    [id],
  );
});

test('kazi approvals says what is wrong with its arguments', async () => {
  const unknown = await kazi('show', '00000000-0000-4000-8000-000000000000');
  assert.deepEqual([unknown.code, /404: Approval not found/.test(unknown.stderr)], [1, true]);
  const state = await kazi('list', '--state', 'done');
  assert.deepEqual([state.code, /found "done", expected all, or one or more of/.test(state.stderr)], [2, true]);
});
