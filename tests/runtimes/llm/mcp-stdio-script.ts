/**
 * An MCP server over stdio for any Node: `node server.cjs MODE`. It is written into the workspace and runs in the sandbox,
 * with the Node of the machine rather than the one of the tests.
 */
export const STDIO_SERVER = String.raw`
const mode = process.argv[2];
const say = (message) => process.stdout.write(JSON.stringify({ jsonrpc: '2.0', ...message }) + '\n');
process.stderr.write('starting in mode ' + mode + '\n');
if (mode === 'garbage') console.log('Welcome to the server!');
if (mode === 'exit') {
  process.stderr.write('missing API token\n');
  process.exitCode = 3;
} else {
  let rest = '';
  process.stdin.on('data', (chunk) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop();
    for (const line of lines) answer(JSON.parse(line));
  });
}

const object = { type: 'object' };
const tools = [
  { name: 'echo', description: 'Says it again.', inputSchema: { type: 'object', properties: { text: { type: 'string', minLength: 1 } }, required: ['text'], additionalProperties: false }, annotations: { readOnlyHint: true } },
  { name: 'fail', inputSchema: object },
  { name: 'refuse', inputSchema: object },
  { name: 'mixed', title: 'All kinds of content', inputSchema: object },
  { name: 'structured', inputSchema: object },
  { name: 'long', inputSchema: object },
  { name: 'look', inputSchema: object },
  { name: 'die', inputSchema: object },
  { name: 'hang', inputSchema: object },
  { name: 'odd.name/with spaces', inputSchema: object },
  { name: 'odd_name/with_spaces', inputSchema: object },
  { name: 'x'.repeat(90), inputSchema: object },
];
const text = (text) => [{ type: 'text', text }];

function answer({ id, method, params }) {
  if (id === undefined || mode === 'silent') return;
  if (method === 'initialize') {
    say({ id, result: { protocolVersion: params.protocolVersion, capabilities: { tools: {} }, serverInfo: { name: 'script', version: '1' } } });
  } else if (method === 'tools/list') {
    if (mode === 'stray') console.log('a stray line');
    say({ id, result: { tools } });
  } else if (method === 'tools/call') {
    call(id, params);
  } else {
    say({ id, error: { code: -32601, message: 'Method not found' } });
  }
}

function call(id, { name, arguments: input }) {
  const fs = require('node:fs');
  switch (name) {
    case 'echo':
      return say({ id, result: { content: text(input.text) } });
    case 'fail':
      return say({ id, result: { content: text('it did not work'), isError: true } });
    case 'refuse':
      return say({ id, error: { code: -32602, message: 'no such thing' } });
    case 'mixed':
      return say({ id, result: { content: [
        { type: 'text', text: 'first' },
        { type: 'image', data: 'iVBORw0KGgo=', mimeType: 'image/png' },
        { type: 'audio', data: 'AAAA', mimeType: 'audio/wav' },
        { type: 'resource', resource: { uri: 'file:///a.txt', mimeType: 'text/plain', text: 'inside' } },
        { type: 'resource', resource: { uri: 'file:///a.png', mimeType: 'image/png', blob: 'iVBORw0KGgo=' } },
        { type: 'resource_link', uri: 'file:///b.txt', name: 'b', description: 'the other' },
      ] } });
    case 'structured':
      return say({ id, result: { content: [], structuredContent: { answer: 42 } } });
    case 'long':
      return say({ id, result: { content: text('y'.repeat(100000)) } });
    case 'look':
      fs.writeFileSync('made-by-server', 'hello');
      return say({ id, result: { content: text(JSON.stringify({ cwd: process.cwd(), uid: process.getuid(), greeting: process.env.GREETING, hosts: Object.keys(require('node:os').networkInterfaces()) })) } });
    case 'die':
      process.stderr.write('fatal: out of ideas\n');
      return process.exit(7);
    case 'hang':
      return process.stderr.write('hanging\n');
    default:
      return say({ id, result: { content: text('called ' + name) } });
  }
}
`;
