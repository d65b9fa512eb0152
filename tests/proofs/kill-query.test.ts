import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bearer, send } from '../support/api-client.ts';
import { TEST_API_KEY } from '../support/job-client.ts';
import { makeDataDir } from '../support/node.ts';
import { ServerProcess } from '../support/server-process.ts';
import { eventually } from '../support/signals.ts';

const LEASE_MS = 2_000;

test('32. a session whose query lost its server accepts the next query after restart and lease', async (t) => {
  const dataDir = await makeDataDir(t);
  const settings = { KAZI_DATA_DIR: dataDir, KAZI_LEASE_MS: String(LEASE_MS) };
  const query = async (server: ServerProcess, question: string) =>
    await send(server.url, {
      method: 'POST',
      path: '/query',
      headers: bearer(TEST_API_KEY),
      body: { question, agent_type: 'shell', session_id: 's' },
    });
  const first = await ServerProcess.start(settings);
  try {
    const lost = query(first, 'sleep 60').catch((error: unknown) => error);
    await eventually('a running query', async () => {
      const state = await send(first.url, { path: '/session/s/state', headers: bearer(TEST_API_KEY) });
      return (state.json['state'] as { readonly status: string }).status === 'executing';
    });
    await first.kill();
    assert.ok((await lost) instanceof Error);
  } finally {
    await first.kill();
  }
  const second = await ServerProcess.start(settings);
  try {
    const answer = await eventually('a query that is not refused', async () => {
      const found = await query(second, 'echo after');
      return found.status !== 409 && found;
    });
    assert.deepEqual([answer.status, answer.json['ok']], [200, true], answer.text);
    const { json } = await send(second.url, { path: '/jobs?session_id=s', headers: bearer(TEST_API_KEY) });
    const jobs = json['jobs'] as readonly { readonly status: string; readonly attempts: number }[];
    assert.deepEqual(
      jobs.map(({ status, attempts }) => [status, attempts]),
      [
        ['complete', 1],
        ['failed', 1],
      ],
    );
  } finally {
    assert.deepEqual(await second.stopWell(), []);
  }
});
