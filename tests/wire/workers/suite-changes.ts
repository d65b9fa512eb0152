import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertError, Caller, SEED, type Target } from './target.ts';

/** Conformance checks 35 and 36: changing and deleting workers. */
export const defineChangeChecks = (target: Target): void => {
  const caller = new Caller(target);
  const patch = async (id: string, body: Readonly<Record<string, unknown>> | string) =>
    await caller.send({ method: 'PATCH', path: `/api/workers/${id}`, body });

  test('35. PATCH changes the keys that are sent, and shows a template', async () => {
    const input = `echo ${'x'.repeat(100)}`;
    const { id } = await caller.create({ input });
    const first = await patch(id, {});
    assert.equal(first.status, 200, first.text);
    const { createdAt, updatedAt, ...rest } = first.json;
    assert.deepEqual(rest, {
      id,
      instructions: '',
      organizationId: 'default',
      userId: 'admin',
      outputSchema: null,
      summary: '',
      title: input.slice(0, 80),
      url: `${target.url}/api/workers/${id}`,
      visibility: 'private',
    });
    for (const time of [createdAt, updatedAt]) assert.match(String(time), /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);

    const outputSchema = { type: 'object', properties: { n: { type: 'number' } }, required: ['n'] };
    const changed = await patch(id, { title: 'Ü', summary: 's', outputSchema, visibility: 'private', other: 1 });
    assert.equal(changed.status, 200, changed.text);
    assert.deepEqual(
      ['title', 'summary', 'outputSchema', 'instructions'].map((key) => changed.json[key]),
      ['Ü', 's', outputSchema, ''],
    );
    const more = await patch(id, { instructions: 'Be kind.' });
    assert.deepEqual(
      [more.json['title'], more.json['outputSchema'], more.json['instructions']],
      ['Ü', outputSchema, 'Be kind.'],
    );
    const cleared = await patch(id, { outputSchema: null });
    assert.deepEqual([cleared.json['outputSchema'], cleared.json['instructions']], [null, 'Be kind.']);
    const { metadata } = await caller.worker(id);
    assert.deepEqual([metadata['title'], metadata['summary']], ['Ü', 's']);
  });

  test('35. the bounds of PATCH', async () => {
    const { id } = await caller.create({ input: 'true' });
    const bad: readonly Readonly<Record<string, unknown>>[] = [
      { title: '' },
      { title: 'x'.repeat(201) },
      { title: null },
      { title: 1 },
      { summary: 'x'.repeat(81) },
      { instructions: 'x'.repeat(20_001) },
      { instructions: null },
      { outputSchema: [] },
      { outputSchema: 'x' },
      { outputSchema: { type: 'nothing' } },
      { outputSchema: { $schema: 'https://json-schema.org/draft/2020-12/schema' } },
      { outputSchema: { $ref: 'https://example.org/other.json' } },
      { visibility: 'secret' },
      { visibility: null },
    ];
    for (const body of bad) assertError(await patch(id, body), 400, 'invalid_request');
    assertError(await patch(id, '{'), 400, 'invalid_json');
    assertError(await patch(id, { visibility: 'public' }), 422, 'unsupported', 'visibility public is not supported');
    for (const body of [
      { title: 'x'.repeat(200) },
      { summary: 'x'.repeat(80) },
      { instructions: 'x'.repeat(20_000) },
    ]) {
      assert.equal((await patch(id, body)).status, 200);
    }
  });

  test('36. DELETE hides the worker, stops its turns, and leaves its jobs readable', async () => {
    const { id, metadata } = await caller.create({ input: 'sleep 30' });
    const next = await caller.continue(id, { input: 'echo never' });
    const headers = { ...SEED, 'content-type': 'application/json' };
    const gone = await caller.send({ method: 'DELETE', path: `/api/workers/${id}`, headers });
    assert.deepEqual([gone.status, gone.json], [200, { deleted: true }]);
    const routes = [
      ['GET', ''],
      ['POST', ''],
      ['PATCH', ''],
      ['DELETE', ''],
      ['GET', '/stream'],
      ['GET', '/email'],
      ['GET', '/files/x'],
    ] as const;
    for (const [method, path] of routes) {
      const body = method === 'POST' ? { body: { input: 'x' } } : {};
      assertError(
        await caller.send({ method, path: `/api/workers/${id}${path}`, ...body }),
        404,
        'not_found',
        'Worker not found',
      );
    }
    for (const jobId of [metadata.job_id, next.metadata.job_id]) {
      assert.equal((await caller.job(jobId))['status'], 'canceled');
    }
  });
};
