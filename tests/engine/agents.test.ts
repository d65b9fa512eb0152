import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createAgent } from '../../src/actions/create-agent.ts';
import { retireAgent } from '../../src/actions/retire-agent.ts';
import { AGENT_DEFAULTS, type Agent } from '../../src/core/agent.ts';
import type { AgentDefinition } from '../../src/core/agent-definition.ts';
import { DEFAULT_TENANT_ID } from '../../src/core/principal.ts';
import { addAgentVersion } from '../../src/storage/agents.ts';
import { ensureLane, ensureTenant } from '../../src/storage/tenants.ts';
import { createTestDatabase } from '../support/database.ts';
import { ADMIN, runResult, startTestNode } from '../support/node.ts';
import { rowsOf } from '../support/rows.ts';

describe('an agent in the database', () => {
  test('serves new jobs in its newest version, and each job records the version that it got', async (t) => {
    const { url } = await createTestDatabase(t);
    const node = await startTestNode(t, { databaseUrl: url });
    const { db } = node.context;
    await ensureTenant(db, DEFAULT_TENANT_ID, null);
    const parrot = { ...AGENT_DEFAULTS, name: 'parrot', description: 'repeats' };
    await addAgentVersion(db, DEFAULT_TENANT_ID, { ...parrot, runtime: 'echo' });
    const first = await node.ended(await node.submit('echo it', { agent: 'parrot' }));
    assert.deepEqual([first.agent, first.agentVersion, first.outcome?.text], ['parrot', 1, 'echo it']);
    await addAgentVersion(db, DEFAULT_TENANT_ID, { ...parrot, runtime: 'shell' });
    const second = await node.ended(await node.submit('echo it', { agent: 'parrot' }));
    assert.deepEqual([second.agentVersion, second.outcome?.text], [2, 'it\n']);
    assert.equal((await node.job(first.id)).agentVersion, 1);
  });

  test('belongs to its tenant: others do not see it, and are told which agents there are', async (t) => {
    const { url } = await createTestDatabase(t);
    const node = await startTestNode(t, { databaseUrl: url });
    const { db } = node.context;
    await ensureTenant(db, 'other', null);
    const agent = { ...AGENT_DEFAULTS, name: 'parrot', runtime: 'echo' } as const;
    await addAgentVersion(db, 'other', agent);
    await addAgentVersion(db, DEFAULT_TENANT_ID, { ...agent, name: 'mine' });
    await assert.rejects(node.submit('hi', { agent: 'parrot' }), {
      code: 'UNKNOWN_AGENT',
      message: "Unknown agent type: 'parrot'. Available: default, echo, marketing, mine, research, shell",
    });
  });

  test('runs no more jobs at once than its limit, whatever its tenant may run', async (t) => {
    const { url } = await createTestDatabase(t);
    const started: { readonly id: string; readonly release: () => void }[] = [];
    const bell = { ring: (): void => undefined };
    const node = await startTestNode(t, {
      databaseUrl: url,
      run: async (context) => {
        const { promise, resolve } = Promise.withResolvers<void>();
        started.push({ id: context.job.id, release: resolve });
        bell.ring();
        await promise;
        return runResult('done');
      },
    });
    await ensureTenant(node.context.db, DEFAULT_TENANT_ID, null);
    const agent = { ...AGENT_DEFAULTS, name: 'single', runtime: 'llm', maxRunning: 1 } as const;
    await addAgentVersion(node.context.db, DEFAULT_TENANT_ID, agent);
    const ids = await Promise.all(['a', 'b', 'c'].map(async (text) => await node.submit(text, { agent: 'single' })));
    const atOnce: number[] = [];
    for (let place = 0; place < ids.length; place += 1) {
      const next = Promise.withResolvers<void>();
      bell.ring = next.resolve;
      if (started.length <= place) await next.promise;
      // A free job of another lane goes through the same claims: it proves that the dispatcher looked again meanwhile.
      await node.ended(await node.submit('free', { agent: 'echo' }));
      atOnce.push(started.length - place);
      started[place]?.release();
    }
    for (const id of ids) await node.ended(id);
    assert.deepEqual(atOnce, [1, 1, 1]);
  });

  test('leaves a queued job its version when it changes, and its new limit lets that job go at once', async (t) => {
    const { url } = await createTestDatabase(t);
    const node = await startTestNode(t, { databaseUrl: url });
    const gate = { ...AGENT_DEFAULTS, name: 'gate' };
    await createAgent(node.context, ADMIN, { ...gate, runtime: 'echo', maxRunning: 0 });
    const id = await node.submit('echo it', { agent: 'gate' });
    // A job of another lane goes through the same claims: the one that waits has been passed over by then.
    await node.ended(await node.submit('free', { agent: 'echo' }));
    assert.equal((await node.job(id)).state, 'queued');
    await createAgent(node.context, ADMIN, { ...gate, runtime: 'shell' });
    const job = await node.ended(id);
    assert.deepEqual([job.agentVersion, job.outcome?.text], [1, 'echo it']);
  });

  test('has the limit of its newest version, however often versions and jobs change places', async (t) => {
    const { url } = await createTestDatabase(t);
    const node = await startTestNode(t, { databaseUrl: url });
    const { db } = node.context;
    const limits: unknown[] = [];
    for (const maxRunning of [1, null, 3, 1]) {
      await createAgent(node.context, ADMIN, { ...AGENT_DEFAULTS, name: 'parrot', runtime: 'echo', maxRunning });
      await node.ended(await node.submit('hi', { agent: 'parrot' }));
      // A node that read an earlier version before this one was made, and opens the lane after it.
      await ensureLane(db, { tenantId: DEFAULT_TENANT_ID, agent: 'parrot', maxRunning: 99 });
      const [lane] = await rowsOf(url)<{ max_running: number | null }>(
        "select max_running from lanes where agent = 'parrot'",
      );
      limits.push(lane?.max_running);
    }
    assert.deepEqual(limits, [1, null, 3, 1]);
  });

  test('runs the jobs that were accepted before it was retired, takes no others, and comes back with its next version', async (t) => {
    const { url } = await createTestDatabase(t);
    const begun = Promise.withResolvers<void>();
    const release = Promise.withResolvers<void>();
    const versions: (number | null)[] = [];
    const node = await startTestNode(t, {
      databaseUrl: url,
      settings: { KAZI_MODEL: 'openai/test', OPENAI_API_KEY: 'sk-test' },
      run: async (context) => {
        versions.push(context.agent.version);
        begun.resolve();
        await release.promise;
        return runResult('done');
      },
    });
    const agent = { ...AGENT_DEFAULTS, name: 'old', runtime: 'llm', maxRunning: 1 } as const;
    await createAgent(node.context, ADMIN, agent);
    const ids = [await node.submit('a', { agent: 'old' }), await node.submit('b', { agent: 'old' })];
    await begun.promise;
    await retireAgent(node.context, ADMIN, 'old');
    await assert.rejects(node.submit('c', { agent: 'old' }), { code: 'UNKNOWN_AGENT' });
    release.resolve();
    for (const id of ids) assert.equal((await node.ended(id)).state, 'complete');
    await createAgent(node.context, ADMIN, agent);
    assert.equal((await node.ended(await node.submit('d', { agent: 'old' }))).state, 'complete');
    assert.deepEqual(versions, [1, 1, 2]);
  });

  test('keeps all that it was given from the database to the run', async (t) => {
    const { url } = await createTestDatabase(t);
    const seen: Agent[] = [];
    const node = await startTestNode(t, {
      databaseUrl: url,
      settings: { KAZI_MODEL: 'openai/test', OPENAI_API_KEY: 'sk-test' },
      run: async (context) => {
        seen.push(context.agent);
        return await Promise.resolve(runResult('done'));
      },
    });
    const whole: AgentDefinition = {
      name: 'whole',
      runtime: 'llm',
      description: 'has everything',
      maxRunning: 4,
      model: 'openai/gpt-5',
      modelCalls: 'batch',
      instructions: 'Be brief.',
      tools: [],
      mcpServers: [
        { name: 'hub', tools: ['find'], transport: 'http', url: 'https://example.org/mcp', headers: { 'X-Key': 's' } },
        { name: 'local', tools: null, transport: 'stdio', command: ['serve', '-q'], env: { TOKEN: 't' } },
      ],
      approvals: { fallback: 'ask', tools: { read: 'allow', hub__find: 'deny' }, expiresMs: 60_000, onExpiry: 'allow' },
      egress: { kind: 'hosts', hosts: ['*.example.org:8443'] },
      limits: { budget: 'low', maxModelCalls: 2, maxCostMicros: 30_000, maxRunMs: 9_000, maxOutputTokens: 500 },
      outputSchema: { type: 'object', required: ['a'] },
    };
    await createAgent(node.context, ADMIN, whole);
    await node.ended(await node.submit('go', { agent: 'whole' }));
    assert.deepEqual(seen, [{ ...whole, version: 1 }]);
  });
});
