import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { DEFAULT_TENANT_ID } from '../../src/core/principal.ts';
import { addAgentVersion } from '../../src/storage/agents.ts';
import { ensureTenant } from '../../src/storage/tenants.ts';
import { createTestDatabase } from '../support/database.ts';
import { runResult, startTestNode } from '../support/node.ts';

describe('an agent in the database', () => {
  test('serves new jobs in its newest version, and each job records the version that it got', async (t) => {
    const { url } = await createTestDatabase(t);
    const node = await startTestNode(t, { databaseUrl: url });
    const { db } = node.context;
    await ensureTenant(db, DEFAULT_TENANT_ID, null);
    const parrot = { name: 'parrot', maxRunning: null, description: 'repeats' };
    assert.equal(await addAgentVersion(db, DEFAULT_TENANT_ID, { ...parrot, runtime: 'echo' }), 1);
    const first = await node.ended(await node.submit('echo it', { agent: 'parrot' }));
    assert.deepEqual([first.agent, first.agentVersion, first.outcome?.text], ['parrot', 1, 'echo it']);
    assert.equal(await addAgentVersion(db, DEFAULT_TENANT_ID, { ...parrot, runtime: 'shell' }), 2);
    const second = await node.ended(await node.submit('echo it', { agent: 'parrot' }));
    assert.deepEqual([second.agentVersion, second.outcome?.text], [2, 'it\n']);
    assert.equal((await node.job(first.id)).agentVersion, 1);
  });

  test('belongs to its tenant: others do not see it, and are told which agents there are', async (t) => {
    const { url } = await createTestDatabase(t);
    const node = await startTestNode(t, { databaseUrl: url });
    const { db } = node.context;
    await ensureTenant(db, 'other', null);
    const agent = { name: 'parrot', runtime: 'echo', maxRunning: null, description: '' } as const;
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
    const agent = { name: 'single', runtime: 'llm', maxRunning: 1, description: '' } as const;
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
});
