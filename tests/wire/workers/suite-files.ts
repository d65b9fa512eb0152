import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bearer, send } from '../../support/api-client.ts';
import { assertError, Caller, checkAnswer, NEWER, SEED, type Target } from './target.ts';

const CONTENT = 'hello, world\n';

/** Conformance checks 24 to 26: the mail address, and files. */
export const defineFileChecks = (target: Target): void => {
  const caller = new Caller(target);
  let made: Promise<string> | undefined;
  const workerWithFiles = async (): Promise<string> => {
    made ??= (async () => {
      const script = `mkdir -p a/deep; printf 'hello, world\\n' > a/b.txt; echo x > 'ü %.bin'; echo y > a/deep/none`;
      const worker = await caller.worked(script);
      assert.equal(worker.metadata.job_status, 'complete', String(worker.metadata['error']));
      return worker.id;
    })();
    return await made;
  };
  const file = async (path: string, headers: Readonly<Record<string, string>> = {}, method = 'GET') =>
    await caller.send({ method, path: `/api/workers/${await workerWithFiles()}/files/${path}`, headers });

  test('24. the mail address is text for seed clients and JSON for newer ones', async () => {
    const id = await workerWithFiles();
    const path = `/api/workers/${id}/email`;
    const seed = await caller.get(path, SEED);
    assert.match(String(seed.headers['content-type']), /^text\/plain; charset=utf-8$/);
    assert.match(seed.text, /^[0-9a-hjkmnp-tv-z]{26}-[a-z0-9]{8}@[a-z0-9.-]+$/);
    assert.ok(seed.text.startsWith(id.slice(-26).toLowerCase()));
    for (const headers of [NEWER, { accept: 'application/json; version=0.14' }]) {
      assert.deepEqual((await caller.get(path, headers)).json, { email: seed.text });
    }
    assert.equal((await caller.get(path, { 'x-stainless-package-version': '0.0.9' })).text, seed.text);
    assert.equal((await caller.get(path)).text, seed.text);
  });

  test('25. a%2Fb and a/b are the same file, with the headers of a download', async () => {
    for (const path of ['a/b.txt', 'a%2Fb.txt', 'a%2fb.txt']) {
      const answer = await file(path, { accept: 'application/json' });
      assert.deepEqual([answer.status, answer.text], [200, CONTENT], path);
      assert.match(String(answer.headers['content-type']), /^text\/plain/);
      assert.equal(answer.headers['content-disposition'], `attachment; filename="b.txt"; filename*=UTF-8''b.txt`);
      assert.equal(answer.headers['accept-ranges'], 'bytes');
      assert.equal(answer.headers['x-content-type-options'], 'nosniff');
    }
    const head = await file('a/b.txt', {}, 'HEAD');
    assert.deepEqual([head.status, head.text, head.headers['content-length']], [200, '', String(CONTENT.length)]);
    const part = await file('a/b.txt', { range: 'bytes=7-11' });
    assert.deepEqual([part.status, part.text], [206, 'world']);
    assert.equal((await file('a/b.txt', { 'if-none-match': String(head.headers.etag) })).status, 304);
    assertError(await file('a/b.txt', { range: 'bytes=99-' }), 416, 'range_not_satisfiable');
  });

  test('25. what is no file inside is 404; broken encoding is 400', async () => {
    const outside = [
      '..%2Fx',
      '../x',
      '%2Fetc%2Fpasswd',
      '/etc/passwd',
      'a',
      'a/',
      '',
      'absent',
      '%00',
      'a%5Cb.txt',
      'a%252Fb.txt',
    ];
    for (const path of outside) assertError(await file(path), 404, 'not_found', 'File not found');
    for (const path of ['%zz', '%', '%ff']) assertError(await file(path), 400, 'invalid_request');
  });

  test('26. files[].url with the credential is the file; without it 401', async () => {
    const { files } = await caller.worker(await workerWithFiles());
    assert.deepEqual(
      files.map(({ filename, mediaType }) => [filename, mediaType]),
      [
        ['b.txt', 'text/plain'],
        ['none', 'application/octet-stream'],
        ['ü %.bin', 'application/octet-stream'],
      ],
    );
    for (const { url } of files) {
      assert.ok(url.startsWith(target.url), url);
      const path = url.slice(target.url.length);
      assert.equal(checkAnswer(await send(target.url, { path, headers: bearer(target.apiKey) })).status, 200);
      assertError(checkAnswer(await send(target.url, { path })), 401, 'unauthorized');
    }
  });
};
