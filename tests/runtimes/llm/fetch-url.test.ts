import assert from 'node:assert/strict';
import type { RequestListener } from 'node:http';
import { describe, type TestContext, test } from 'node:test';
import type { EgressPolicy } from '../../../src/core/agent.ts';
import type { ToolResult } from '../../../src/runtimes/llm/tool.ts';
import { fetchUrlTool } from '../../../src/runtimes/llm/tools/fetch-url.ts';
import { htmlToMarkdown } from '../../../src/runtimes/llm/tools/html-to-markdown.ts';
import { startSite } from '../../egress/site.ts';
import { callTool, openEgress, textOf } from './mcp-support.ts';

type Done = Extract<ToolResult, { kind: 'done' }>;
interface Fetched {
  readonly result: Done;
  readonly text: string;
  readonly url: string;
}

const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);

/** Fetches a path of a site that answers in the given way. */
const fetchFrom = async (
  context: TestContext,
  answer: RequestListener,
  input: Readonly<Record<string, unknown>> = {},
  path = '/page',
): Promise<Fetched> => {
  const site = await startSite(context, answer);
  const url = `http://127.0.0.1:${site.port}${path}`;
  const egressPolicy: EgressPolicy = { kind: 'hosts', hosts: ['127.0.0.1'] };
  const result = await callTool(fetchUrlTool, { url, ...input }, { egress: openEgress(context), egressPolicy });
  assert.ok(result.kind === 'done');
  return { result, text: textOf(result), url };
};

const serve =
  (type: string, body: string | Buffer): RequestListener =>
  (_request, response) =>
    response.writeHead(200, type === '' ? {} : { 'content-type': type }).end(body);

const PAGE = `<!doctype html><html><head><title> The
  page </title><base href="/docs/"><style>b { color: red }</style><script>alert(1)</script></head><body>
<nav><a href="/">Home</a></nav><h1>Heading</h1><p>Some <b>bold</b> text with a <a href="next.html?a=(1)">link</a>,
<a href="javascript:alert(1)">no link</a> and <a href="#part">this page</a>.</p>
<img src="/a.png" alt="A picture"><img src="data:image/png;base64,AAAA" alt="inline">
<ul><li>one</li><li>two</li></ul><pre><code>let a = 1;</code></pre>
<table><tr><th>Name</th><th>Age</th></tr><tr><td>Ada</td><td>36</td></tr><tr><td></td><td>a|b</td></tr></table>
<p hidden>secret</p><form><button>Send</button></form><footer>Imprint</footer></body></html>`;

describe('fetch_url', () => {
  test('gives a page as Markdown with absolute links, without what is not its text', async (t) => {
    const { result, text, url } = await fetchFrom(t, serve('text/html; charset=utf-8', PAGE));
    const origin = new URL(url).origin;
    assert.equal(
      text,
      `Title: The page
URL: ${url}

# Heading

Some **bold** text with a [link](${origin}/docs/next.html?a=%281%29), no link and this page.

![A picture](${origin}/a.png)inline

-   one
-   two

\`\`\`
let a = 1;
\`\`\`

| Name | Age |
| --- | --- |
| Ada | 36 |
|  | a\\|b |`,
    );
    assert.equal(result.isError, false);
    assert.deepEqual(result.sources, [{ url, title: 'The page' }]);
    assert.deepEqual(result.facts, { url, status: 200, media_type: 'text/html', bytes: Buffer.byteLength(PAGE) });
  });

  test('gives other text as it is, and knows a page without a type', async (t) => {
    const json = await fetchFrom(t, serve('application/json', '{ "a": "<b>1</b>" }'));
    assert.equal(json.text, `URL: ${json.url}\n\n{ "a": "<b>1</b>" }`);
    const plain = await fetchFrom(t, serve('', 'a < b'));
    assert.equal(plain.text, `URL: ${plain.url}\n\na < b`);
    const page = await fetchFrom(t, serve('', '<!DOCTYPE html><p>a <i>b</i></p>'));
    assert.equal(page.text, `URL: ${page.url}\n\na *b*`);
    const empty = await fetchFrom(t, (_request, response) => response.writeHead(204).end());
    assert.equal(empty.text, `URL: ${empty.url}\n\n(It has no text.)`);
  });

  test('honours the charset of the header, of the page and of the byte order mark', async (t) => {
    const latin = Buffer.from('<meta charset="iso-8859-1"><p>Größe</p>', 'latin1');
    for (const [type, body] of [
      ['text/html; charset=ISO-8859-1', Buffer.from('Größe', 'latin1')],
      ['text/html', latin],
      ['text/plain', Buffer.from('\ufeffGröße', 'utf16le')],
      ['text/plain; charset=no-such-thing', Buffer.from('Größe')],
    ] as const) {
      const { text } = await fetchFrom(t, serve(type, body));
      assert.match(text, /\n\nGröße$/, type);
    }
  });

  test('names the URL that it ended at', async (t) => {
    const { result, text, url } = await fetchFrom(t, (request, response) => {
      if (request.url === '/page') response.writeHead(302, { location: '/moved' }).end();
      else response.writeHead(200, { 'content-type': 'text/html' }).end('<title>Moved</title><a href="x">y</a>');
    });
    const moved = url.replace('/page', '/moved');
    assert.equal(text, `Title: Moved\nURL: ${moved}\n\n[y](${new URL('/x', url).href})`);
    assert.deepEqual(result.sources, [{ url: moved, title: 'Moved' }]);
  });

  test('cuts a long text, and reads on at an offset to its very end', async (t) => {
    const whole = Array.from({ length: 9_000 }, (_, index) => `line ${index}`).join('\n');
    const first = await fetchFrom(t, serve('text/plain', whole));
    assert.ok(first.text.length <= 40_000);
    let read = '';
    for (let offset: number | undefined = 0; offset !== undefined; ) {
      const { text } = await fetchFrom(t, serve('text/plain', whole), { offset });
      const [body = ''] = text.slice(text.indexOf('\n\n') + 2).split('\n\n[Cut.');
      read += body;
      const next = /Call fetch_url again with offset (\d+) for more/.exec(text)?.[1];
      offset = next === undefined ? undefined : Number(next);
    }
    assert.equal(read, whole);
    const short = await fetchFrom(t, serve('text/plain', whole), { offset: 5, max_characters: 8 });
    assert.match(
      short.text,
      /\n\n0\nline 1\n\n\[Cut\. Characters 5 to 13 of \d+\. Call fetch_url again with offset 13/,
    );
    const beyond = await fetchFrom(t, serve('text/plain', 'short'), { offset: 50 });
    assert.match(beyond.text, /The text ends before offset 50/);
  });

  test('reads 5 MiB and no more of what has no end', async (t) => {
    const { text } = await fetchFrom(t, (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/plain' });
      const chunk = 'x'.repeat(65_536);
      const pump = (): void => {
        while (!response.destroyed && response.write(chunk));
      };
      response.on('drain', pump);
      pump();
    });
    assert.match(text, /Only the first 5 MiB were read/);
    assert.match(text, /of 5242880\. Call/);
  });

  test('shows an image that the model takes, and says of other files what they are', async (t) => {
    const image = await fetchFrom(t, serve('image/png', PNG));
    assert.deepEqual(image.result.content, [{ type: 'file', mediaType: 'image/png', data: PNG.toString('base64') }]);
    const undeclared = await fetchFrom(t, serve('application/octet-stream', PNG));
    assert.equal(undeclared.text, '[image/png]');
    for (const [type, body, reason] of [
      ['application/pdf', '%PDF-1.7', /is application\/pdf, of 8 bytes, which cannot be shown/],
      ['image/png', '%PDF-1.7', /is application\/pdf/],
      ['image/png', 'no image', /is image\/png/],
      ['application/zip', 'PK', /is application\/zip, of 2 bytes/],
      ['application/octet-stream', Buffer.from([1, 0, 2, 0]), /is application\/octet-stream/],
      ['image/png', Buffer.concat([PNG, Buffer.alloc(6 * 1024 * 1024)]), /at most 5 MiB/],
    ] as const) {
      const { result, text } = await fetchFrom(t, (_request, response) => {
        response.writeHead(200, { 'content-type': type, 'content-length': body.length }).end(body);
      });
      assert.ok(result.isError, type);
      assert.match(text, reason);
    }
  });

  test('tells of an error of the server with the start of what it said', async (t) => {
    const { result, text, url } = await fetchFrom(t, (_request, response) => {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('no such page');
    });
    assert.ok(result.isError);
    assert.equal(text, `${url} answered with HTTP 404 Not Found. The answer begins:\nno such page`);
    assert.equal(result.sources, undefined);
  });

  test('tells of what may not be fetched, cannot be reached, or is no URL', async (t) => {
    const egress = openEgress(t);
    for (const [input, egressPolicy, reason] of [
      [{ url: 'http://127.0.0.1:1/' }, { kind: 'public' }, /may not be fetched: its host has a loopback address/],
      [{ url: 'https://example.org/' }, { kind: 'none' }, /allows no host/],
      [{ url: 'example.org' }, { kind: 'public' }, /not an absolute URL such as https/],
      [
        { url: 'http://127.0.0.1:9/' },
        { kind: 'hosts', hosts: ['127.0.0.1'] },
        /could not be fetched: .*(ECONNREFUSED|bad port)/,
      ],
      [{ url: 5 }, { kind: 'public' }, /does not fit its schema/],
      [{ url: 'https://example.org', offset: -1 }, { kind: 'public' }, /does not fit its schema/],
    ] as const) {
      const result = await callTool(fetchUrlTool, input, { egress, egressPolicy });
      assert.ok(result.kind === 'done' && result.isError);
      assert.match(textOf(result), reason);
    }
  });

  test('ends with the job that wants it', async (t) => {
    const abort = new AbortController();
    const site = await startSite(t, (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/plain' }).write('begin');
      abort.abort(new Error('canceled'));
    });
    const call = {
      egress: openEgress(t),
      egressPolicy: { kind: 'hosts', hosts: ['127.0.0.1'] },
      signal: abort.signal,
    } as const;
    await assert.rejects(callTool(fetchUrlTool, { url: `http://127.0.0.1:${site.port}/` }, call), {
      message: 'canceled',
    });
  });

  test('gives hostile HTML as it is, with the server free to do other things meanwhile', async (t) => {
    const nested = '<div>'.repeat(7_000);
    let ticks = 0;
    const timer = setInterval(() => {
      ticks += 1;
    }, 10);
    t.after(() => clearInterval(timer));
    const { text, result } = await fetchFrom(t, serve('text/html', `${nested}x`), { max_characters: 50 });
    assert.equal(result.isError, false);
    assert.match(
      text,
      /Note: This is HTML: the page could not be converted to Markdown\.\nNote: Characters 0 to 50 of 35001\.\n\n<div>/,
    );
    assert.ok(ticks > 0);
  });

  test('gives up on a page that takes too long to convert', async () => {
    const html = '<div>'.repeat(400_000);
    const { signal } = new AbortController();
    assert.equal(await htmlToMarkdown({ html, url: 'https://example.org/', signal, timeoutMs: 300 }), null);
    assert.deepEqual(await htmlToMarkdown({ html: '<p>a', url: 'https://example.org/', signal }), {
      title: null,
      markdown: 'a',
    });
  });

  test('converts the first part of a very large page', async (t) => {
    const { text } = await fetchFrom(
      t,
      serve('text/html', `<p>begin</p>${'<p>more text</p>'.repeat(3)}${' '.repeat(2_200_000)}`),
    );
    assert.match(text, /Only the first 2 Mi characters of HTML were converted/);
    assert.match(text, /\n\nbegin\n\nmore text/);
  });
});
