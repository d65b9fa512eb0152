import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { answerId, isAnswerId, mailboxOfReferences } from './mail-ids.ts';
import { isAllowedSender, normalizeSenders } from './mail-sender.ts';
import { parseNetworks } from './networks.ts';
import { newWorkerId } from './worker-id.ts';
import { readRecipient, workerMailAddress } from './worker-mail.ts';

const DOMAIN = 'kazi.test';

test('an address leads back to its worker, in any case, with details after a plus, and through the shared one', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[a-z0-9]{8}$/), fc.stringMatching(/^[a-z+.-]{0,9}$/), (mailToken, detail) => {
      const id = newWorkerId('t');
      const address = workerMailAddress({ id, mailToken }, DOMAIN);
      const mailbox = { ulid: id.slice(-26), mailToken };
      const [localPart] = address.split('@');
      for (const way of [
        address,
        address.toUpperCase(),
        `${localPart}+${detail}@${DOMAIN}`,
        `kazi+${localPart}@${DOMAIN}`,
      ]) {
        assert.deepEqual(readRecipient(way.replace(/@.*$/, `@${DOMAIN}`), DOMAIN), mailbox);
      }
      const answer = answerId('0b1f9a52-58f4-4b2c-9b57-cf2a0f8c0d11', address);
      assert.ok(isAnswerId(answer, DOMAIN) && !isAnswerId(answer, 'other.test'));
      assert.deepEqual(mailboxOfReferences(['x@y', answer], DOMAIN), mailbox);
      assert.equal(mailboxOfReferences([answer], 'other.test'), null);
    }),
  );
});

test('what names no worker is nobody, and the shared address stands for itself', () => {
  assert.equal(readRecipient(`kazi@${DOMAIN}`, DOMAIN), 'shared');
  for (const address of ['', '@', DOMAIN, `x@${DOMAIN}`, `kazi@other.test`, `+@${DOMAIN}`]) {
    assert.equal(readRecipient(address, DOMAIN), null, address);
  }
});

test('a list of senders names addresses and whole domains, and nothing else', () => {
  const senders = normalizeSenders(['Bob@Example.org', '*@acme.test', 'bob@example.org']);
  assert.deepEqual(senders, ['*@acme.test', 'bob@example.org']);
  const verdicts = ['bob@example.org', 'x@acme.test', 'x@sub.acme.test', 'eve@example.org', '*@example.org'];
  assert.deepEqual(
    verdicts.map((address) => isAllowedSender(address, senders)),
    [true, true, false, false, false],
  );
  assert.equal(isAllowedSender('bob@example.org', []), false);
  for (const bad of ['*', 'x', '@', '*@*@x', 'a b@c', 'a@b, c@d', '<a@b>', `${'x'.repeat(320)}@y`]) {
    assert.throws(() => normalizeSenders([bad]), { code: 'INVALID_REQUEST' }, bad);
  }
  assert.throws(() => normalizeSenders(Array.from({ length: 101 }, (_, count) => `${count}@x`)), {
    code: 'INVALID_REQUEST',
  });
});

test('networks hold what lies in them, mapped addresses too', () => {
  const networks = parseNetworks('loopback, 10.1.0.0/16,2001:db8::/32,192.0.2.7');
  const inside = ['127.0.0.9', '::1', '::ffff:127.0.0.1', '10.1.2.3', '2001:db8::5', '192.0.2.7'];
  const outside = ['10.2.0.1', '192.0.2.8', '2001:db9::1', '', 'localhost'];
  for (const address of inside) assert.equal(networks?.has(address), true, address);
  for (const address of outside) assert.equal(networks?.has(address), false, address);
  for (const text of ['', 'x', '10.0.0.0/33', '10.0.0.1,,']) assert.equal(parseNetworks(text), null, text);
});
