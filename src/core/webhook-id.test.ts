import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { fromWebhookId, toWebhookId } from './webhook-id.ts';

test('an id is a ULID with a prefix, and comes back in any letter case', () => {
  fc.assert(
    fc.property(fc.uuid({ version: [4, 7] }), (uuid) => {
      const id = toWebhookId(uuid);
      assert.match(id, /^msg_[0-7][0-9A-HJKMNP-TV-Z]{25}$/);
      assert.equal(fromWebhookId(id), uuid);
      assert.equal(fromWebhookId(`msg_${id.slice(4).toLowerCase()}`), uuid);
    }),
  );
  assert.equal(toWebhookId('ffffffff-ffff-ffff-ffff-ffffffffffff'), 'msg_7ZZZZZZZZZZZZZZZZZZZZZZZZZ');
});

test('what is no such id is none', () => {
  for (const text of ['', 'msg_', 'msg_8ZZZZZZZZZZZZZZZZZZZZZZZZZ', 'msg_0', `${toWebhookId('0'.repeat(32))}0`, 'x'])
    assert.equal(fromWebhookId(text), null, text);
});
