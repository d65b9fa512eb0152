import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DOMAIN, OWNER, type RelayedMail, startMailServer, startRelay } from '../support/mail-server.ts';

const relay = await startRelay();
const settings = { KAZI_SMTP_RELAY_URL: `smtp://127.0.0.1:${relay.port}`, KAZI_MAIL_ATTACH_BYTES: '1000' };
const server = await startMailServer({ settings });

/** The answer to one mail. */
const answerTo = async (mail: Parameters<typeof server.send>[0]): Promise<RelayedMail> => {
  const count = relay.mails.length;
  const { code, text } = await server.send(mail);
  assert.equal(code, 250, text);
  const answer = (await relay.take(count + 1)).at(-1);
  assert.ok(answer);
  return answer;
};
test('the answer comes in the same thread, from the address of the worker, with what was said and made', async () => {
  const { address } = await server.worker();
  const answer = await answerTo({
    to: address,
    subject: 'A report, please',
    text: 'echo written; echo small > report.txt; printf "%2000s" x > big.bin',
    messageId: '<thread-1@example.org>',
  });
  assert.deepEqual([answer.from, answer.to], [address, [OWNER]]);
  const { mail } = answer;
  assert.equal(mail.from?.value[0]?.address, address);
  assert.equal(mail.subject, 'Re: A report, please');
  assert.deepEqual([mail.inReplyTo, answer.header('References')], ['<thread-1@example.org>', '<thread-1@example.org>']);
  assert.match(mail.messageId ?? '', new RegExp(`^<kazi\\.[0-9a-f-]{36}\\.${address}>$`));
  assert.deepEqual([answer.header('Auto-Submitted'), answer.header('X-Loop')], ['auto-replied', DOMAIN]);
  assert.match(
    mail.text ?? '',
    /^written\n\nFiles that are not attached:\n- big\.bin \(2 kB\): http:\/\/\S+\/files\/big\.bin\s*$/,
  );
  assert.deepEqual(
    mail.attachments.map(({ filename, content }) => [filename, content.toString()]),
    [['report.txt', 'small\n']],
  );
});

test('an answer that comes back, from whomever, is not answered: no loop', async () => {
  const { id, address } = await server.worker();
  const { raw } = await answerTo({ to: address, text: 'true' });
  const forwarded = raw.toString().replace(/^From:.*$/m, `From: ${OWNER}`);
  for (const mail of [
    { sender: address, raw },
    { sender: OWNER, raw: forwarded },
  ]) {
    assert.equal((await server.send({ to: address, ...mail })).code, 550);
  }
  assert.equal((await server.turns(id)).length, 2);
});

test('an answer that is answered goes on in its thread, by either address', async () => {
  const { id, address } = await server.worker();
  const first = await answerTo({ to: address, text: 'echo one', messageId: '<first@example.org>' });
  const second = await answerTo({
    to: `kazi@${DOMAIN}`,
    subject: first.mail.subject ?? '',
    text: 'echo two',
    messageId: '<second@example.org>',
    inReplyTo: first.mail.messageId,
    headers: { References: `<first@example.org> ${first.mail.messageId}` },
  });
  assert.equal(second.mail.subject, 'Re: A task');
  assert.equal(second.header('References'), `<first@example.org> ${first.mail.messageId} <second@example.org>`);
  assert.equal((await server.turns(id)).length, 3);
});

test('a turn that failed is answered with its error and what it had said', async () => {
  const { address } = await server.worker();
  const { mail } = await answerTo({ to: address, text: 'echo begun; echo broken >&2; exit 3' });
  assert.match(mail.text ?? '', /^This failed: [^]*broken[^]*What there is so far:\n\nbegun/);
});

test('files of a later mail are not taken for something that the turn made', async () => {
  const { id, address } = await server.worker();
  const count = relay.mails.length;
  await server.send({
    to: address,
    text: 'until ls mail/*/later.txt 2>/dev/null; do sleep 0.1; done; echo x > made.txt',
  });
  await server.send({ to: address, text: 'true', attachments: [{ filename: 'later.txt', content: 'later' }] });
  const [first] = (await relay.take(count + 1)).slice(count);
  assert.deepEqual(
    first?.mail.attachments.map(({ filename }) => filename),
    ['made.txt'],
  );
  await server.caller.ended(id);
  await relay.take(count + 2);
});
