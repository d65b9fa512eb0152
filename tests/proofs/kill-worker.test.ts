import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTestDatabase } from '../support/database.ts';
import { TEST_API_KEY } from '../support/job-client.ts';
import { makeDataDir } from '../support/node.ts';
import { ServerProcess } from '../support/server-process.ts';
import { Caller, readParts } from '../wire/workers/target.ts';

const SCRIPT = 'echo begun > begun.txt; sleep 1; echo finished';

/** Conformance check 47 of the workers API. */
test('47. a killed server takes the turn of a worker up again, and its stream goes on by id', async (t) => {
  const { url } = await createTestDatabase(t);
  const settings = { DATABASE_URL: url, KAZI_DATA_DIR: await makeDataDir(t) };
  let server = await ServerProcess.start(settings);
  try {
    const callerOf = ({ url }: ServerProcess) => new Caller({ url, signingSecret: '', apiKey: TEST_API_KEY });
    const first = callerOf(server);
    const { id, metadata } = await first.create({ input: SCRIPT });
    const path = `/api/workers/${id}/stream`;
    const before = await first.stream(path, { until: (text) => text.includes('"start"') });
    const [start] = readParts(before.text);
    assert.equal(start?.part.type, 'start');
    await server.kill();

    server = await ServerProcess.start(settings);
    const second = callerOf(server);
    const rest = await second.stream(path, { headers: { 'last-event-id': String(start?.id) } });
    const types = readParts(rest.text).map(({ part }) => part.type);
    assert.equal(types.includes('start'), false, 'the turn goes on, it does not begin again');
    assert.equal(types.at(-1), 'finish');
    const worker = await second.worker(id);
    assert.deepEqual([worker.metadata.job_status, worker.output_text.trim()], ['complete', 'finished']);
    assert.ok(Number((await second.job(metadata.job_id))['attempts']) >= 2);
    assert.deepEqual(await server.stopWell(), []);
  } finally {
    await server.kill();
  }
});
