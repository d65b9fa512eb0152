import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import type { EgressPolicy, McpServer } from '../../../src/core/agent.ts';
import { isKaziError } from '../../../src/core/errors.ts';
import {
  connectMcpServers,
  type McpOptions,
  type McpTools,
} from '../../../src/runtimes/llm/mcp/connect-mcp-servers.ts';
import { callTool, openEgress, startMcpSite, textOf } from './mcp-support.ts';

const LOOPBACK: EgressPolicy = { kind: 'hosts', hosts: ['127.0.0.1'] };

const connect = async (
  context: TestContext,
  servers: readonly McpServer[],
  more: Partial<McpOptions> = {},
): Promise<McpTools> => {
  const connected = await connectMcpServers({
    servers,
    openSandbox: () => Promise.reject(new Error('no sandbox was expected')),
    egress: openEgress(context),
    egressPolicy: LOOPBACK,
    signal: new AbortController().signal,
    ...more,
  });
  context.after(() => connected.close());
  return connected;
};

const isFailure = (reason: RegExp) => (error: unknown) => {
  assert.ok(isKaziError(error, 'MCP_SERVER_FAILED'), String(error));
  assert.match(error.message, /^MCP server "site" of the agent cannot be used: /);
  assert.match(error.message, reason);
  return true;
};

describe('an MCP server over HTTP', () => {
  test('gives its tools, page by page, and answers calls', async (t) => {
    const site = await startMcpSite(t);
    const connected = await connect(t, [site.server]);
    const { tools } = connected;
    assert.deepEqual(
      tools.map(({ name, description, inputSchema, isRepeatable }) => ({
        name,
        description,
        inputSchema,
        isRepeatable,
      })),
      [
        { name: 'site__first', description: 'The first.', inputSchema: { type: 'object' }, isRepeatable: false },
        {
          name: 'site__second',
          description: 'The tool "second" of the MCP server "site".',
          inputSchema: { type: 'object' },
          isRepeatable: true,
        },
      ],
    );
    const egress = openEgress(t);
    const result = await callTool(tools[1], { a: [1] }, { egress });
    assert.equal(textOf(result), 'second got {"a":[1]}');
    assert.deepEqual(result.kind === 'done' && result.facts, { mcp_server: 'site', mcp_tool: 'second' });
    assert.equal(site.seen.at(-1)?.headers['mcp-session-id'], 'session-1');
    assert.ok(site.seen.every(({ method }) => method === 'POST'));
    await Promise.all([site.goodbye, connected.close()]);
    const late = await callTool(tools[0], {}, { egress });
    assert.ok(late.kind === 'done' && late.isError);
  });

  test('is reached only where the egress policy of the agent lets it', async (t) => {
    const site = await startMcpSite(t);
    for (const egressPolicy of [
      { kind: 'none' },
      { kind: 'public' },
      { kind: 'hosts', hosts: ['example.org'] },
    ] satisfies EgressPolicy[]) {
      await assert.rejects(connect(t, [site.server], { egressPolicy }), isFailure(/may not be fetched/));
    }
    assert.equal(site.seen.length, 0);
  });

  test('is refused with what it said when it turns kazi away', async (t) => {
    const site = await startMcpSite(t);
    const wrong = {
      ...site.server,
      transport: 'http',
      url: urlOf(site.server),
      headers: { 'x-api-key': 'x' },
    } as const;
    await assert.rejects(connect(t, [wrong]), isFailure(/HTTP 401: who are you\?\. Send valid credentials/));
    const missing = await startMcpSite(t, (_request, response) => response.writeHead(404).end('nothing here'));
    await assert.rejects(connect(t, [missing.server]), isFailure(/HTTP 404: nothing here\. Check the URL/));
    const broken = await startMcpSite(t, (_request, response) => response.writeHead(500).end('oh no'));
    await assert.rejects(connect(t, [broken.server]), isFailure(/HTTP 500: oh no$/));
  });

  test('is refused when it speaks something else', async (t) => {
    for (const [type, body, reason] of [
      ['text/html', '<h1>Welcome</h1>', /content type: text\/html/],
      ['application/json', '{"hello":"world"}', /expected|invalid/i],
      ['application/json', 'not json', /JSON/],
    ] as const) {
      const site = await startMcpSite(t, (_request, response) => {
        response.writeHead(200, { 'content-type': type }).end(body);
      });
      await assert.rejects(connect(t, [site.server], { startTimeoutMs: 5_000 }), isFailure(reason), body);
    }
  });

  test('is refused when it redirects, and its headers go nowhere else', async (t) => {
    const target = await startMcpSite(t);
    const site = await startMcpSite(t, (_request, response) => {
      response.writeHead(307, { location: urlOf(target.server) }).end();
    });
    await assert.rejects(connect(t, [site.server]), isFailure(/found a redirect \(HTTP 307\) to "http:\/\/127/));
    assert.equal(target.seen.length, 0);
  });

  test('is refused when it does not answer in time', async (t) => {
    const site = await startMcpSite(t, () => undefined);
    await assert.rejects(connect(t, [site.server], { startTimeoutMs: 100 }), isFailure(/timed out after 100ms/));
  });

  test('is let go of when the job is aborted while it starts', async (t) => {
    const abort = new AbortController();
    const site = await startMcpSite(t, () => abort.abort(new Error('canceled')));
    await assert.rejects(connect(t, [site.server], { signal: abort.signal }), { message: 'canceled' });
  });

  test('gives only the tools that the agent lists, all of which it must have', async (t) => {
    const site = await startMcpSite(t);
    const { tools } = await connect(t, [{ ...site.server, tools: ['second'] }]);
    assert.deepEqual(
      tools.map(({ name }) => name),
      ['site__second'],
    );
    await assert.rejects(
      connect(t, [{ ...site.server, tools: ['second', 'third'] }]),
      isFailure(/found "third" in its list of tools, expected some of: first, second/),
    );
  });

  test('fails all when one of several fails, and the others are said goodbye to', async (t) => {
    const good = await startMcpSite(t);
    const bad = await startMcpSite(t, (_request, response) => {
      // Not before the other one has given its tools.
      const wait = (): void => {
        const isListed = good.seen.filter(({ body }) => body.includes('tools/list')).length === 2;
        if (isListed) setImmediate(() => response.writeHead(500).end());
        else setImmediate(wait);
      };
      wait();
    });
    const other = { ...good.server, name: 'other' };
    await assert.rejects(connect(t, [other, bad.server]), isFailure(/HTTP 500/));
    await good.goodbye;
  });
});

function urlOf(server: McpServer): string {
  return server.transport === 'http' ? server.url : '';
}
