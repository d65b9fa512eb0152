import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { startApi } from '../support/api.ts';
import { type Answer, bearer, send } from '../support/api-client.ts';

const api = await startApi({ runsJobs: false });

type Json = Readonly<Record<string, unknown>>;

const ask = async (method: string, path: string, body?: Json | string, key = api.adminKey): Promise<Answer> =>
  await send(api.url, { method, path, headers: bearer(key), ...(body === undefined ? {} : { body }) });
const create = async (body: Json, key = api.adminKey): Promise<Answer> => await ask('POST', '/agents', body, key);
const submit = async (agent: string): Promise<Answer> =>
  await ask('POST', '/submit', { question: 'x', agent_type: agent });
const agentOf = (answer: Answer): Json => answer.json['agent'] as Json;
const names = (answer: Answer): string[] => (answer.json['agents'] as { name: string }[]).map(({ name }) => name);

const WHOLE = {
  name: 'whole',
  description: 'has everything',
  runtime: 'llm',
  model: 'openai/gpt-5',
  model_calls: 'batch',
  instructions: 'Be brief.',
  tools: ['read', 'search'],
  mcp_servers: [
    { name: 'hub', url: 'https://example.org/mcp?key=secret-q&b=1', headers: { 'X-Key': 'secret-h' }, tools: ['find'] },
    { name: 'local', command: ['serve', '-q'], env: { TOKEN: 'secret-e' } },
  ],
  approvals: {
    default: 'ask',
    tools: { read: 'allow', hub__find: 'deny' },
    expires_in_seconds: 60,
    on_expiry: 'allow',
  },
  egress: { hosts: ['*.Example.org:8443', '[::1]:9000', '10.0.0.7'] },
  limits: { budget: 'low', max_model_calls: 2, max_cost_usd: 0.03, max_run_seconds: 9, max_output_tokens: 500 },
  output_schema: { type: 'object', properties: { answer: { type: 'string' } }, required: ['answer'] },
  max_running: 4,
};

describe('POST /agents', () => {
  test('makes an agent with 201 and all its fields, and shows none of its secrets', async () => {
    const made = await create(WHOLE);
    assert.equal(made.status, 201, made.text);
    const { created_at, ...agent } = agentOf(made);
    assert.equal(typeof created_at, 'number');
    assert.deepEqual(agent, {
      ...WHOLE,
      version: 1,
      builtin: false,
      retired_at: null,
      mcp_servers: [
        { name: 'hub', url: 'https://example.org/mcp?key=…&b=…', headers: { 'X-Key': '…' }, tools: ['find'] },
        { name: 'local', command: ['serve', '-q'], env: { TOKEN: '…' }, tools: null },
      ],
      egress: { hosts: ['*.example.org:8443', '[::1]:9000', '10.0.0.7'] },
    });
    const read = await ask('GET', '/agents/whole');
    assert.deepEqual([read.status, read.json], [200, made.json]);
    for (const { text } of [made, read, await ask('GET', '/agents')]) assert.doesNotMatch(text, /secret-/);
  });

  test('needs only a name', async () => {
    const { created_at, ...agent } = agentOf(await create({ name: 'bare' }));
    assert.deepEqual(agent, {
      name: 'bare',
      version: 1,
      builtin: false,
      runtime: 'llm',
      description: '',
      model: null,
      model_calls: 'direct',
      max_running: null,
      retired_at: null,
      instructions: null,
      tools: null,
      mcp_servers: [],
      approvals: { default: 'allow', tools: {}, expires_in_seconds: 86_400, on_expiry: 'deny' },
      egress: 'public',
      limits: {
        budget: 'standard',
        max_model_calls: null,
        max_cost_usd: null,
        max_run_seconds: null,
        max_output_tokens: null,
      },
      output_schema: null,
    });
    assert.equal(typeof created_at, 'number');
  });

  test('makes a new version with 200 when the name exists, and keeps the earlier ones', async () => {
    await create({ name: 'grows', instructions: 'one' });
    const second = await create({ name: 'grows', instructions: 'two' });
    assert.deepEqual([second.status, agentOf(second)['version']], [200, 2]);
    assert.equal(agentOf(await ask('GET', '/agents/grows'))['instructions'], 'two');
    assert.equal(agentOf(await ask('GET', '/agents/grows?version=1'))['instructions'], 'one');
    const versions = async (query = '') =>
      ((await ask('GET', `/agents/grows/versions${query}`)).json['versions'] as Json[]).map(({ version }) => version);
    assert.deepEqual([await versions(), await versions('?limit=1'), await versions('?before=2')], [[2, 1], [2], [1]]);
  });

  test('gives every caller a version of its own when many come at once', async () => {
    const answers = await Promise.all(Array.from({ length: 8 }, async () => await create({ name: 'raced' })));
    const versions = answers.map((answer) => agentOf(answer)['version'] as number);
    assert.deepEqual(
      versions.toSorted((left, right) => left - right),
      [1, 2, 3, 4, 5, 6, 7, 8],
    );
    assert.equal(answers.filter(({ status }) => status === 201).length, 1);
  });

  test('takes null for a field as if it were absent', async () => {
    const nothing = Object.fromEntries(Object.keys(WHOLE).map((field) => [field, null]));
    const answer = await create({ ...nothing, name: 'nothing' });
    assert.deepEqual([answer.status, agentOf(answer)['egress']], [201, 'public']);
  });

  test('refuses the name of a built-in agent with 409', async () => {
    const answer = await create({ name: 'shell' });
    assert.deepEqual(
      [answer.status, answer.json['error']],
      [409, 'Agent "shell" is built in: it cannot be changed or retired. Create one of another name.'],
    );
  });
});

describe('an agent that cannot be', () => {
  const mcp = (server: Json): Json => ({ mcp_servers: [{ name: 'hub', url: 'https://example.org/', ...server }] });
  const stdio = (server: Json): Json => ({ mcp_servers: [{ name: 'local', command: ['x'], ...server }] });
  const cases: readonly (readonly [Json, string])[] = [
    [{ name: undefined }, 'name: found nothing, expected text'],
    [
      { name: 'Upper' },
      'name: found "Upper", expected 1 to 64 of a-z, 0-9, "-" and "_", not beginning with "-" or "_"',
    ],
    [{ name: '' }, 'name: found "", expected 1 to 64 of a-z, 0-9, "-" and "_", not beginning with "-" or "_"'],
    [{ name: 'x'.repeat(65) }, 'name: found 65 characters, expected at most 64 characters'],
    [{ description: 7 }, 'description: found 7, expected text'],
    [{ runtime: 'lm' }, 'runtime: found "lm", expected "llm", "shell", "echo"'],
    [{ model: 'gpt' }, 'model: found "gpt", expected provider/model, such as "openai/gpt-5"'],
    [
      { instructions: 'x'.repeat(200_001) },
      'instructions: found 200001 characters, expected at most 200000 characters',
    ],
    [
      { tools: ['bahs'] },
      'tools[0]: found "bahs", expected one of bash, read, write, edit, list, search, fetch_url, publish, schedule, spawn, ask; did you mean "bash"?',
    ],
    [{ tools: ['read', 'read'] }, 'tools: found "read" twice, expected each name once'],
    [{ tools: 'bash' }, 'tools: found "bash", expected a list'],
    [
      mcp({ url: 'ftp://x' }),
      'mcp_servers[0].url: found "ftp://x", expected an address such as "https://example.org/mcp"',
    ],
    [
      mcp({ url: 'https://me:word@example.org/' }),
      'mcp_servers[0].url: found a user or password in the address, expected an address without; use headers',
    ],
    [mcp({ url: undefined }), 'mcp_servers[0].url: found nothing, expected text'],
    [mcp({ name: 'A b' }), 'mcp_servers[0].name: found "A b", expected 1 to 32 of a-z, 0-9 and "-"'],
    [
      mcp({ header: {} }),
      'mcp_servers[0]: found the unknown field "header", expected one of name, url, headers, tools; did you mean "headers"?',
    ],
    [mcp({ headers: { 'a b': 'x' } }), 'mcp_servers[0].headers: found the name "a b", expected the name of a header'],
    [mcp({ headers: { Host: 'x' } }), 'mcp_servers[0].headers: found "Host", expected a header that kazi does not set'],
    [
      mcp({ headers: { a: 'secret\n' } }),
      'mcp_servers[0].headers.a: found a character that headers cannot carry, expected visible Latin-1 characters',
    ],
    [
      mcp({ headers: { A: 'x', a: 'y' } }),
      'mcp_servers[0].headers: found "a" twice, expected each header once, in upper or lower case',
    ],
    [mcp({ headers: { a: 7 } }), 'mcp_servers[0].headers.a: found a number that is not shown, expected text'],
    [
      mcp({ headers: { a: '…' } }),
      'mcp_servers[0].headers.a: found the mark "…" that answers show in place of a secret, expected the value itself',
    ],
    [stdio({ command: [] }), 'mcp_servers[0].command[0]: found nothing, expected text'],
    [stdio({ command: 'x' }), 'mcp_servers[0].command: found "x", expected a list'],
    [stdio({ env: { '1': 'x' } }), 'mcp_servers[0].env: found the name "1", expected a name such as API_TOKEN'],
    [
      {
        mcp_servers: [
          { name: 'a', command: ['x'] },
          { name: 'a', command: ['y'] },
        ],
      },
      'mcp_servers: found two servers named "a", expected different names',
    ],
    [{ approvals: { default: 'maybe' } }, 'approvals.default: found "maybe", expected "allow", "ask", "deny"'],
    [{ approvals: { expires_in_seconds: 0 } }, 'approvals.expires_in_seconds: found 0, expected at least 1'],
    [{ approvals: { on_expiry: 'ask' } }, 'approvals.on_expiry: found "ask", expected "allow", "deny"'],
    [
      { approvals: { tools: { 'github__*': 'ask' } } },
      'approvals.tools: found "github__*", expected the exact name of a built-in tool, or SERVER__TOOL of one of mcp_servers',
    ],
    [
      { approvals: { tools: { bsh: 'ask' } } },
      'approvals.tools: found "bsh", expected the exact name of a built-in tool, or SERVER__TOOL of one of mcp_servers; did you mean "bash"?',
    ],
    [{ egress: 'privat' }, 'egress: found "privat", expected "none", "public" or an object'],
    [{ egress: { hosts: [] } }, 'egress.hosts: found a list of 0, expected at least 1 entries'],
    [
      { egress: { host: [] } },
      'egress.hosts: found nothing, expected a list; egress: found the unknown field "host", expected one of hosts; did you mean "hosts"?',
    ],
    [
      { egress: { hosts: ['https://example.org'] } },
      'egress.hosts[0]: found "https://example.org", expected a host such as "example.org", "*.example.org" or "example.org:8443"',
    ],
    [{ limits: { budget: 'lo' } }, 'limits.budget: found "lo", expected "low", "standard", "high", "unlimited"'],
    [{ limits: { max_cost_usd: -1 } }, 'limits.max_cost_usd: found -1, expected at least 0.000001'],
    [{ limits: { max_model_calls: 1.5 } }, 'limits.max_model_calls: found 1.5, expected a whole number'],
    [{ output_schema: 'object' }, 'output_schema: found "object", expected an object'],
    [{ max_running: -1 }, 'max_running: found -1, expected at least 0'],
    [
      { instruction: 'x' },
      'body: found the unknown field "instruction", expected one of name, description, runtime, model, model_calls, instructions, tools, mcp_servers, approvals, egress, limits, output_schema, max_running; did you mean "instructions"?',
    ],
    [
      { runtime: 'shell', model: 'openai/gpt-5' },
      'model: found a value with the runtime "shell", expected none; only the runtime "llm" reads it',
    ],
    [
      { model: 'google/gemini-3.5-flash', model_calls: 'batch' },
      'model_calls: found "batch" with the model "google/gemini-3.5-flash", expected "direct", or a model of a provider that takes batches (openai, anthropic)',
    ],
    [{ model_calls: 'later' }, 'model_calls: found "later", expected "direct", "batch"'],
    [
      { runtime: 'shell', model_calls: 'batch' },
      'model_calls: found a value with the runtime "shell", expected none; only the runtime "llm" reads it',
    ],
    [
      { instructions: 'a\0b' },
      'body: found text with a NUL character or half of a surrogate pair, expected text without',
    ],
  ];
  for (const [body, said] of cases) {
    test(`is 400: ${said}`, async () => {
      const answer = await create({ name: 'bad', ...body });
      assert.deepEqual([answer.status, answer.json['error']], [400, `Invalid agent: ${said}`]);
    });
  }

  test('is 400 with the place in its output schema', async () => {
    const cases = [
      [{ type: 'text' }, /output_schema: found an invalid JSON Schema, .*\/type: must be equal to one of/],
      [{ $ref: 'https://example.org/x' }, /output_schema: found a JSON Schema that cannot be used/],
      [{ $schema: 'x' }, /output_schema: found the \$schema "x"/],
      [{ description: 'x'.repeat(70_000) }, /output_schema: found 700\d\d bytes of JSON, expected at most 65536/],
    ] as const;
    for (const [schema, said] of cases) {
      const answer = await create({ name: 'bad', output_schema: schema });
      assert.equal(answer.status, 400);
      assert.match(String(answer.json['error']), said);
    }
  });

  test('is 400 for what is no object, too deep or no JSON, and lists all faults at once', async () => {
    const deep = `{"name":"bad","output_schema":${'{"not":'.repeat(50_000)}{}${'}'.repeat(50_000)}}`;
    const cases = [
      ['7', 'Invalid agent: body: found 7, expected an object'],
      ['[]', 'Invalid agent: body: found a list of 0, expected an object'],
      [deep, 'Invalid agent: body: found more than 64 levels of nesting, expected fewer'],
      ['{', 'Invalid JSON request body'],
      [
        '{"name":7,"runtime":"x"}',
        'Invalid agent: name: found 7, expected text; runtime: found "x", expected "llm", "shell", "echo"',
      ],
    ] as const;
    for (const [body, said] of cases) {
      const answer = await ask('POST', '/agents', body);
      assert.deepEqual([answer.status, answer.json['error']], [400, said]);
    }
  });

  test('leaves nothing behind', async () => assert.equal((await ask('GET', '/agents/bad')).status, 404));
});

describe('GET /agents', () => {
  test('lists the built-in agents, marked, beside those of the tenant', async () => {
    await create({ name: 'middle' });
    const answer = await ask('GET', '/agents');
    const listed = names(answer);
    assert.deepEqual(
      listed,
      listed.toSorted((left, right) => (left < right ? -1 : 1)),
    );
    for (const name of ['default', 'echo', 'marketing', 'middle', 'research', 'shell'])
      assert.ok(listed.includes(name));
    const find = (name: string) => (answer.json['agents'] as Json[]).find((agent) => agent['name'] === name);
    assert.deepEqual([find('shell')?.['builtin'], find('shell')?.['version']], [true, null]);
    assert.deepEqual([find('middle')?.['builtin'], find('middle')?.['version']], [false, 1]);
  });

  test('shows one built-in agent, which has no versions', async () => {
    const answer = await ask('GET', '/agents/research');
    assert.deepEqual([answer.status, agentOf(answer)['builtin']], [200, true]);
    assert.match(String(agentOf(answer)['instructions']), /primary sources/);
    assert.deepEqual((await ask('GET', '/agents/research/versions')).json['versions'], []);
    assert.equal((await ask('GET', '/agents/research?version=1')).status, 404);
  });

  test('shows a session token what there is, but not how it is made', async () => {
    await create({ name: 'told', instructions: 'a house secret' });
    const answer = await ask('GET', '/agents/told', undefined, api.token({ tenantId: 'default', userId: 'ann' }));
    assert.deepEqual([answer.status, agentOf(answer)['name']], [200, 'told']);
    assert.doesNotMatch(answer.text, /house secret|instructions/);
  });

  test('is 404 for a name or version that is not there, and 400 for a version that is none', async () => {
    await create({ name: 'single' });
    for (const path of [
      '/agents/none',
      '/agents/None',
      '/agents/%00',
      '/agents/none/versions',
      '/agents/single?version=2',
    ]) {
      const answer = await ask('GET', path);
      assert.equal(answer.status, 404, path);
      assert.match(String(answer.json['error']), /^Agent not found: found no (?:version 2 of )?"/);
    }
    for (const query of ['?version=x', '?version=0', '/versions?limit=0', '/versions?before=-1']) {
      assert.equal((await ask('GET', `/agents/single${query}`)).status, 400, query);
    }
  });
});

describe('DELETE /agents/:name', () => {
  test('retires an agent: unknown to new jobs, no longer listed, still shown; creating it again brings it back', async () => {
    await create({ name: 'leaves', description: 'first' });
    assert.equal((await submit('leaves')).status, 200);
    const retired = await ask('DELETE', '/agents/leaves');
    assert.deepEqual([retired.status, typeof agentOf(retired)['retired_at']], [200, 'number']);
    assert.deepEqual((await ask('DELETE', '/agents/leaves')).json, retired.json);
    const refused = await submit('leaves');
    assert.equal(refused.status, 400);
    assert.match(String(refused.json['error']), /^Unknown agent type: 'leaves'\. Available: (?!.*leaves)/);
    assert.ok(!names(await ask('GET', '/agents')).includes('leaves'));
    assert.equal(agentOf(await ask('GET', '/agents/leaves?version=1'))['description'], 'first');
    const back = await create({ name: 'leaves', description: 'second' });
    assert.deepEqual([back.status, agentOf(back)['version'], agentOf(back)['retired_at']], [200, 2, null]);
    assert.equal((await submit('leaves')).status, 200);
  });

  test('is 409 for a built-in agent and 404 for one that is not there', async () => {
    assert.equal((await ask('DELETE', '/agents/echo')).status, 409);
    assert.equal((await ask('DELETE', '/agents/none')).status, 404);
    assert.equal((await ask('DELETE', '/agents/%00')).status, 404);
  });
});

test('an agent of another tenant is neither seen, changed nor retired', async () => {
  const foreign = await api.key({ tenantId: 'other', scopes: ['user', 'admin'] });
  await create({ name: 'mine', description: 'ours' });
  for (const path of ['/agents/mine', '/agents/mine?version=1', '/agents/mine/versions']) {
    assert.equal((await ask('GET', path, undefined, foreign)).status, 404);
  }
  assert.ok(!names(await ask('GET', '/agents', undefined, foreign)).includes('mine'));
  assert.equal((await ask('DELETE', '/agents/mine', undefined, foreign)).status, 404);
  const theirs = await create({ name: 'mine', description: 'theirs' }, foreign);
  assert.deepEqual([theirs.status, agentOf(theirs)['version']], [201, 1]);
  assert.equal((await ask('DELETE', '/agents/mine', undefined, foreign)).status, 200);
  const ours = agentOf(await ask('GET', '/agents/mine'));
  assert.deepEqual([ours['description'], ours['version'], ours['retired_at']], ['ours', 1, null]);
});
