import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { after, describe, type TestContext, test } from 'node:test';
import { callKazi, type KaziProcess, makeFolder, startKazi } from './kazi-process.ts';

const cwd = await makeFolder({ after });
const SCRIPT = {
  conversations: [{ name: 'hello', when: { contains: 'hi' }, turns: [{ text: 'Hello!', tokenDelayMs: 0 }] }],
};
await writeFile(join(cwd, 'script.json'), JSON.stringify(SCRIPT));

const start = async (
  t: TestContext,
  ...argv: readonly string[]
): Promise<{ readonly kazi: KaziProcess; readonly url: string }> => {
  const kazi = startKazi(['fake-model', '--script', 'script.json', ...argv], { cwd });
  t.after(() => kazi.child.kill('SIGKILL'));
  const line = await kazi.waitFor('stdout', /\n/);
  const url = /^fake model ready (http:\/\/127\.0\.0\.1:\d+)\n$/.exec(line)?.[1];
  assert.ok(url, `found the line "${line}"`);
  return { kazi, url };
};

const ask = async (url: string, content: string): Promise<Response> =>
  await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    body: JSON.stringify({ model: 'any', messages: [{ role: 'user', content }] }),
  });

describe('kazi fake-model', () => {
  test('serves its script, writes each request to its log at once, and ends with 0 at SIGTERM', async (t) => {
    const { kazi, url } = await start(t, '--log', 'requests.jsonl');
    const answer = (await (await ask(url, 'hi')).json()) as { choices: readonly { message: { content: string } }[] };
    assert.equal(answer.choices[0]?.message.content, 'Hello!');
    assert.equal((await ask(url, 'plums')).status, 400);
    // The log of a server that is killed is as whole as one that was stopped.
    const lines = (await readFile(join(cwd, 'requests.jsonl'), 'utf8')).trimEnd().split('\n');
    const results = lines.map((line) => (JSON.parse(line) as { result: string }).result);
    assert.deepEqual(results, ['answered', 'refused']);
    kazi.child.kill('SIGTERM');
    const { code, stdout, stderr } = await kazi.ended;
    assert.deepEqual([code, stdout, stderr], [0, `fake model ready ${url}\n`, '']);
  });

  test('ends with 0 at Ctrl-C, also while a client waits', async (t) => {
    await writeFile(
      join(cwd, 'hang.json'),
      JSON.stringify({
        conversations: [{ name: 'a', turns: [{ faults: [{ hangAfterCharacters: 1 }], text: 'xyz' }] }],
      }),
    );
    const { kazi, url } = await start(t, '--script', 'hang.json');
    const body = JSON.stringify({ model: 'any', stream: true, messages: [{ role: 'user', content: 'x' }] });
    const waiting = await fetch(`${url}/chat/completions`, { method: 'POST', body });
    kazi.child.kill('SIGINT');
    await assert.rejects(waiting.text());
    assert.equal((await kazi.ended).code, 0);
  });

  test('lists the faults of a script and ends with 2', async () => {
    await writeFile(join(cwd, 'faulty.json'), '{"conversations": [{"name": "a", "turns": [{"txt": "x"}]}], "x": 1}');
    const { code, stdout, stderr } = await callKazi(['fake-model', '--script', 'faulty.json'], { cwd });
    assert.deepEqual([code, stdout], [2, '']);
    assert.match(stderr, /^kazi: The script of the fake model has 3 faults/);
    assert.match(stderr, /conversations\[0\]\.turns\[0\]: found the unknown key "txt", did you mean "text"\?/);
  });

  test('says which of its options cannot be used', async (t) => {
    await writeFile(join(cwd, 'broken.json'), '{');
    const taken = createServer().listen(0, '127.0.0.1');
    t.after(() => taken.close());
    await once(taken, 'listening');
    const address = taken.address();
    const port = typeof address === 'object' ? String(address?.port) : '';
    const cases = [
      [['--script', 'none.json'], 2, /the script "none\.json" cannot be read \(ENOENT\)/],
      [['--script', 'broken.json'], 2, /the script "broken\.json" is no JSON/],
      [['--script', 'script.json', '--port', '99999'], 2, /found "99999" for --port/],
      [['--script', 'script.json', '--port', port], 1, /cannot be listened on \(EADDRINUSE\)/],
      [['--script', 'script.json', '--log', 'no/such.jsonl'], 2, /the log "no\/such\.jsonl" cannot be written/],
      [[], 2, /required option '--script <file>' not specified/],
    ] as const;
    for (const [argv, expected, pattern] of cases) {
      const { code, stderr } = await callKazi(['fake-model', ...argv], { cwd });
      assert.equal(code, expected, stderr);
      assert.match(stderr, pattern);
    }
  });
});
