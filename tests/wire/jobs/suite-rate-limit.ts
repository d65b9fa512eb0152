import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { assertError, Caller, mintToken, type Target } from './target.ts';

const LIMIT = 60;

/** Conformance check 49, on a server with the default limits. */
export const defineRateLimitChecks = (target: Target): void => {
  test('49. the 61st /submit of a minute with a session token is 429 with Retry-After; reading a job is not limited', async () => {
    const caller = new Caller(target, mintToken(target, { tenant_id: 'default', user_id: `rate-${randomUUID()}` }));
    const began = Date.now();
    const jobId = await caller.submitJob();
    for (let request = 2; request <= LIMIT; request += 1) await caller.submitJob();
    const refused = await caller.submit({ agent_type: 'echo' });
    assert.ok(Date.now() - began < 60_000, 'the requests took longer than a minute: the check says nothing');
    assertError(refused, 429, 'Rate limit exceeded');
    assert.match(String(refused.headers['retry-after']), /^([1-9]|[1-5]\d|60)$/);
    for (let request = 0; request <= LIMIT; request += 1) await caller.job(jobId);
  });
};
