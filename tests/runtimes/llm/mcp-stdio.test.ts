import assert from 'node:assert/strict';
import { after, describe, type TestContext, test } from 'node:test';
import type { McpServer } from '../../../src/core/agent.ts';
import { isKaziError } from '../../../src/core/errors.ts';
import {
  connectMcpServers,
  type McpOptions,
  type McpTools,
} from '../../../src/runtimes/llm/mcp/connect-mcp-servers.ts';
import type { Tool } from '../../../src/runtimes/llm/tool.ts';
import type { RuntimeSandbox } from '../../../src/runtimes/runtime.ts';
import { findProgram } from '../../../src/sandboxes/find-program.ts';
import { findProcesses, findSkipReason, makeProvider, openSandbox } from '../../sandboxes/support.ts';
import { STDIO_SERVER } from './mcp-stdio-script.ts';
import { callTool, openEgress, textOf } from './mcp-support.ts';

const provider = makeProvider('bubblewrap');
after(() => provider.stop());
const skip =
  (await findSkipReason('bubblewrap')) || (findProgram('node') === null ? 'no node in the system folders' : false);

const serverOf = (mode: string, more: Partial<Extract<McpServer, { transport: 'stdio' }>> = {}): McpServer => ({
  name: 'script',
  tools: null,
  transport: 'stdio',
  command: ['node', 'server.cjs', mode],
  env: { GREETING: "it's me" },
  ...more,
});

interface Connected extends McpTools {
  readonly sandbox: RuntimeSandbox;
  readonly tool: (name: string) => Tool | undefined;
}

const connect = async (context: TestContext, server: McpServer, more: Partial<McpOptions> = {}): Promise<Connected> => {
  const sandbox: RuntimeSandbox = await openSandbox(context, provider, {});
  await sandbox.write('server.cjs', STDIO_SERVER);
  const connected = await connectMcpServers({
    servers: [server],
    openSandbox: () => Promise.resolve(sandbox),
    egress: openEgress(context),
    egressPolicy: { kind: 'none' },
    signal: new AbortController().signal,
    ...more,
  });
  context.after(() => connected.close());
  return { ...connected, sandbox, tool: (name) => connected.tools.find((tool) => tool.name === name) };
};

const isFailure = (reason: RegExp) => (error: unknown) => {
  assert.ok(isKaziError(error, 'MCP_SERVER_FAILED'), String(error));
  assert.match(error.message, /^MCP server "script" of the agent cannot be used: /);
  assert.match(error.message, reason);
  return true;
};

describe('an MCP server over stdio', { skip, concurrency: 2 }, () => {
  test('gives its tools under names that every provider takes, each another one', async (t) => {
    const { tools, tool } = await connect(t, serverOf('serve'));
    const names = tools.map(({ name }) => name);
    assert.ok(names.every((name) => /^[A-Za-z0-9_-]{1,64}$/.test(name)));
    assert.equal(new Set(names).size, 12);
    assert.ok(names.includes('script__odd_name_with_spaces'));
    assert.deepEqual(tool('script__echo')?.inputSchema, {
      type: 'object',
      properties: { text: { type: 'string', minLength: 1 } },
      required: ['text'],
      additionalProperties: false,
    });
    assert.deepEqual([tool('script__echo')?.isRepeatable, tool('script__fail')?.isRepeatable], [true, false]);
    assert.equal(tool('script__mixed')?.description, 'All kinds of content');
  });

  test('calls each of two tools whose names look alike', async (t) => {
    const { tools } = await connect(t, serverOf('serve', { tools: ['odd.name/with spaces', 'odd_name/with_spaces'] }));
    const egress = openEgress(t);
    assert.equal(textOf(await callTool(tools[0], {}, { egress })), 'called odd.name/with spaces');
    assert.equal(textOf(await callTool(tools[1], {}, { egress })), 'called odd_name/with_spaces');
  });

  test('answers calls with text, files, resources, structure and errors', async (t) => {
    const { tool } = await connect(t, serverOf('serve'));
    const egress = openEgress(t);
    const call = (name: string, input: unknown = {}) => callTool(tool(`script__${name}`), input, { egress });
    const long = 'ü'.repeat(500_000);
    assert.equal(textOf(await call('echo', { text: 'zwölf\nlines' })), 'zwölf\nlines');
    assert.match(textOf(await call('echo', { text: long })), /^ü{39800}\n\(Cut: /);
    assert.equal((await call('long')).kind, 'done');
    const failed = await call('fail');
    assert.deepEqual([textOf(failed), failed.kind === 'done' && failed.isError], ['it did not work', true]);
    const refused = await call('refuse');
    assert.match(textOf(refused), /did not answer the call of refuse: no such thing/);
    assert.equal(textOf(await call('structured')), '{"answer":42}');
    assert.deepEqual(textOf(await call('mixed')).split('\n'), [
      'first',
      '[image/png]',
      '(The tool answered with audio of the type audio/wav, 3 bytes, which you cannot be shown.)',
      'Resource file:///a.txt:',
      'inside',
      '[image/png]',
      'Resource b file:///b.txt the other',
    ]);
    for (const input of [null, 'text', [1]]) {
      assert.match(textOf(await call('echo', input)), /expected an object/);
    }
  });

  test('runs in the sandbox of the job: its workspace, its user, no network', async (t) => {
    const { sandbox, tool } = await connect(t, serverOf('serve'));
    const seen: unknown = JSON.parse(textOf(await callTool(tool('script__look'), {}, { egress: openEgress(t) })));
    assert.deepEqual(seen, { cwd: '/workspace', uid: 1000, greeting: "it's me", hosts: ['lo'] });
    assert.equal(String(await sandbox.read('made-by-server')), 'hello');
  });

  test('that dies makes its calls errors that say why, and nothing else', async (t) => {
    const { tool } = await connect(t, serverOf('serve'));
    const egress = openEgress(t);
    for (const name of ['script__die', 'script__echo']) {
      const result = await callTool(tool(name), { text: 'x' }, { egress });
      assert.ok(result.kind === 'done' && result.isError);
      assert.match(
        textOf(result),
        /its program ended with exit code 7\. It wrote to standard error:\n[^]*out of ideas/,
      );
    }
  });

  test('may be too slow for one call and answer the next', async (t) => {
    const { tool } = await connect(t, serverOf('serve'), { callTimeoutMs: 300 });
    const egress = openEgress(t);
    const slow = await callTool(tool('script__hang'), {}, { egress });
    assert.match(textOf(slow), /timed out after 300ms/);
    assert.equal(textOf(await callTool(tool('script__echo'), { text: 'there' }, { egress })), 'there');
  });

  test('is not waited for when the call is aborted', async (t) => {
    const { tool } = await connect(t, serverOf('serve'));
    const abort = new AbortController();
    const call = callTool(tool('script__hang'), {}, { egress: openEgress(t), signal: abort.signal });
    abort.abort(new Error('canceled'));
    await assert.rejects(call, { message: 'canceled' });
  });

  test('writes a stray line without harm once it has proved to speak MCP, and the log hears of it', async (t) => {
    const oddities: unknown[] = [];
    const { tools } = await connect(t, serverOf('stray'), { log: (oddity) => oddities.push(oddity) });
    assert.equal(tools.length, 12);
    assert.match(String((oddities[0] as { error: unknown }).error), /"a stray line"/);
  });

  test('ends with close, and with the abort of the job that starts it', async (t) => {
    const mark = `mark-${process.pid}-${Date.now()}`;
    const server = serverOf('serve', { command: ['node', 'server.cjs', 'serve', mark] });
    const connected = await connect(t, server);
    assert.ok(findProcesses(mark).length > 0);
    await connected.close();
    assert.deepEqual(findProcesses(mark), []);
    const abort = new AbortController();
    const silent = serverOf('silent', { command: ['node', 'server.cjs', 'silent', mark] });
    const connecting = connect(t, silent, { signal: abort.signal });
    abort.abort(new Error('canceled'));
    await assert.rejects(connecting, { message: 'canceled' });
    assert.deepEqual(findProcesses(mark), []);
  });
});

describe('an MCP server over stdio that cannot be used', { skip, concurrency: 2 }, () => {
  test('is refused with its exit code and what it wrote', async (t) => {
    await assert.rejects(connect(t, serverOf('exit')), isFailure(/exit code 3\. It wrote[^]*missing API token/));
  });

  test('is refused when its program does not exist', async (t) => {
    const server = serverOf('', { command: ['no-such-program'] });
    await assert.rejects(connect(t, server), isFailure(/exit code 127\. It wrote[^]*no-such-program/));
  });

  test('is refused when it writes something else to standard output', async (t) => {
    await assert.rejects(connect(t, serverOf('garbage')), isFailure(/no JSON-RPC message: "Welcome to the server!"/));
  });

  test('is refused when it does not answer in time', async (t) => {
    const connecting = connect(t, serverOf('silent'), { startTimeoutMs: 1_000 });
    await assert.rejects(connecting, isFailure(/timed out after 1000ms[^]*starting in mode silent/));
  });

  test('is refused when its environment cannot be given to a program', async (t) => {
    const server = serverOf('serve', { env: { 'not a name': 'x' } });
    await assert.rejects(connect(t, server), isFailure(/found the name "not a name"/));
  });

  test('is refused where the sandbox is emulated', async (t) => {
    const emulated = makeProvider('just-bash');
    t.after(() => emulated.stop());
    const sandbox = await openSandbox(t, emulated);
    const connecting = connect(t, serverOf('serve'), { openSandbox: () => Promise.resolve(sandbox) });
    await assert.rejects(connecting, isFailure(/MCP servers over stdio[^]* need the bubblewrap sandbox/));
  });

  test('leaves an error of the sandbox itself what it is', async (t) => {
    const sandbox = await openSandbox(t, provider);
    await sandbox.destroy();
    const connecting = connect(t, serverOf('serve'), { openSandbox: () => Promise.resolve(sandbox) });
    await assert.rejects(connecting, (error) => isKaziError(error, 'SANDBOX_UNAVAILABLE'));
  });
});
