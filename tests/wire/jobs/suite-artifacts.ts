import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { assertError, assertValid, Caller, mintToken, type Target } from './target.ts';

const CONTENT = 'hello, world\n';
const SHA256 = createHash('sha256').update(CONTENT).digest('hex');
const SCRIPT = `mkdir -p "deep/er"; printf 'hello, world\\n' > deep/er/file.txt; printf x > 'Ü "q".bin'; : > empty; printf y > b%2Fc`;

/** Conformance checks 59 and 60: the files of jobs. */
export const defineArtifactChecks = (target: Target): void => {
  const caller = new Caller(target);
  let made: Promise<string> | undefined;
  const jobWithFiles = async (): Promise<string> => {
    made ??= (async () => {
      const jobId = await caller.submitJob({ question: SCRIPT, agent_type: 'shell' });
      const job = await caller.ended(jobId);
      assert.equal(job['status'], 'complete', String(job['error']));
      return jobId;
    })();
    return await made;
  };
  const file = async (path: string, headers: Readonly<Record<string, string>> = {}, method = 'GET') =>
    await caller.send({ method, path: `/jobs/${await jobWithFiles()}/artifacts/${path}`, headers });

  test('59. the list is sorted, with checksums and root null', async () => {
    const answer = await caller.get(`/jobs/${await jobWithFiles()}/artifacts`);
    assertValid('ArtifactListResponse', answer.json);
    const { root, files } = answer.json['artifacts'] as {
      root: null;
      files: { path: string; checksum_sha256: string; size_bytes: number; content_type: string | null }[];
    };
    assert.equal(root, null);
    assert.deepEqual(
      files.map(({ path }) => path),
      ['b%2Fc', 'deep/er/file.txt', 'empty', 'Ü "q".bin'],
    );
    const entry = files[1];
    assert.deepEqual(
      [entry?.checksum_sha256, entry?.size_bytes, entry?.content_type],
      [SHA256, CONTENT.length, 'text/plain'],
    );
    assert.deepEqual((await caller.job(await jobWithFiles()))['artifacts'], answer.json['artifacts']);
  });

  test('59. download headers', async () => {
    const answer = await file('deep/er/file.txt');
    assert.deepEqual([answer.status, answer.text], [200, CONTENT]);
    assert.equal(answer.headers['content-disposition'], `attachment; filename="file.txt"; filename*=UTF-8''file.txt`);
    assert.match(String(answer.headers['content-type']), /^text\/plain/);
    assert.equal(answer.headers['content-length'], String(CONTENT.length));
    assert.equal(answer.headers.etag, `"${SHA256}"`);
    assert.equal(answer.headers['accept-ranges'], 'bytes');
    assert.equal(answer.headers['x-content-type-options'], 'nosniff');
    const strange = await file(encodeURIComponent('Ü "q".bin'));
    assert.equal(
      strange.headers['content-disposition'],
      `attachment; filename="_ _q_.bin"; filename*=UTF-8''%C3%9C%20_q_.bin`,
    );
    const head = await file('deep/er/file.txt', {}, 'HEAD');
    assert.deepEqual([head.status, head.text, head.headers['content-length']], [200, '', String(CONTENT.length)]);
    const empty = await file('empty');
    assert.deepEqual([empty.status, empty.text, empty.headers['content-length']], [200, '', '0']);
  });

  test('59. Range gives 206 with exactly those bytes, or 416', async () => {
    const cases: readonly [string, number, string][] = [
      ['bytes=0-4', 206, CONTENT.slice(0, 5)],
      ['bytes=7-', 206, CONTENT.slice(7)],
      ['bytes=-3', 206, CONTENT.slice(-3)],
      ['bytes=5-9999', 206, CONTENT.slice(5)],
      ['bytes=-9999', 206, CONTENT],
      ['bytes=4-2', 200, CONTENT],
      ['bytes=0-1,3-4', 200, CONTENT],
      ['lines=1-2', 200, CONTENT],
    ];
    for (const [range, status, text] of cases) {
      const answer = await file('deep/er/file.txt', { range });
      assert.deepEqual([answer.status, answer.text], [status, text], range);
      assert.equal(answer.headers['content-length'], String(text.length));
    }
    const part = await file('deep/er/file.txt', { range: 'bytes=0-4' });
    assert.equal(part.headers['content-range'], `bytes 0-4/${CONTENT.length}`);
    for (const range of ['bytes=13-', 'bytes=-0']) {
      const answer = await file('deep/er/file.txt', { range });
      assert.deepEqual([answer.status, answer.headers['content-range']], [416, `bytes */${CONTENT.length}`], range);
    }
    assert.equal((await file('deep/er/file.txt', { range: 'bytes=0-4', 'if-range': '"other"' })).status, 200);
  });

  test('59. If-None-Match with the ETag gives 304 without body', async () => {
    for (const condition of [`"${SHA256}"`, `W/"${SHA256}"`, `"x", "${SHA256}"`, '*']) {
      const answer = await file('deep/er/file.txt', { 'if-none-match': condition });
      assert.deepEqual([answer.status, answer.text], [304, ''], condition);
    }
    assert.equal((await file('deep/er/file.txt', { 'if-none-match': '"x"' })).status, 200);
  });

  test('60. traversal, absolute paths, folders and absent files are 404; broken encoding is 400', async () => {
    const outside = [
      '..%2f',
      '../../../../etc/passwd',
      '..%2f..%2f..%2fetc%2fpasswd',
      '/etc/passwd',
      '%2Fetc%2Fpasswd',
      'deep',
      'deep/er/',
      'absent',
      '.',
      '%00',
      '..%5c..%5cx',
      'deep%252Fer%252Ffile.txt',
    ];
    for (const path of outside) assertError(await file(path), 404, 'Artifact not found', { detail: true });
    for (const path of ['%zz', '%', 'a%2', '%ff']) assertError(await file(path), 400, 'Invalid artifact path encoding');
  });

  test('60. %2F and / give the same file, decoded once', async () => {
    assert.equal((await file('deep%2Fer%2ffile.txt')).text, CONTENT);
    assert.equal((await file('deep/er/../er/./file.txt')).text, CONTENT);
    assert.equal((await file('b%252Fc')).text, 'y');
  });

  test('60. a foreign download is 403, whatever the path', async () => {
    const stranger = new Caller(target, mintToken(target, { tenant_id: 'x', user_id: 'admin' }));
    for (const path of ['deep/er/file.txt', '%zz', 'absent', '']) {
      const answer = await stranger.get(`/jobs/${await jobWithFiles()}/artifacts/${path}`);
      assertError(answer, 403, 'Job tenant mismatch');
    }
    assertError(await stranger.get(`/jobs/${await jobWithFiles()}/artifacts`), 403, 'Job tenant mismatch');
  });
};
