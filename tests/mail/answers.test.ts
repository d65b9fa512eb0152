import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DOMAIN, OWNER, type RelayedMail, startMailServer, startRelay } from '../support/mail-server.ts';
import { rowsOf } from '../support/rows.ts';
import { eventually } from '../support/signals.ts';

const relay = await startRelay();
const settings = { KAZI_SMTP_RELAY_URL: `smtp://127.0.0.1:${relay.port}`, KAZI_MAIL_ATTACH_BYTES: '1000' };
const server = await startMailServer({ settings });
const rows = rowsOf(server.databaseUrl);

/** The answer to one mail. */
const answerTo = async (mail: Parameters<typeof server.send>[0]): Promise<RelayedMail> => {
  const count = relay.mails.length;
  const { code, text } = await server.send(mail);
  assert.equal(code, 250, text);
  const answer = (await relay.take(count + 1)).at(-1);
  assert.ok(answer);
  return answer;
};
const deliveries = async () =>
  await rows<{ id: string; state: string; attempts: number; last_status: number | null; wait_s: number }>(
    `select d.id, d.state, d.attempts, d.last_status, extract(epoch from d.due_at - d.updated_at)::float as wait_s
     from webhook_deliveries d where d.lease_id is null order by d.id`,
  );
const newest = async (state: string, attempts: number) =>
  await eventually(`a delivery that is ${state} after ${attempts} attempts`, async () => {
    const found = (await deliveries()).at(-1);
    return found?.state === state && found.attempts === attempts && found;
  });

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
  assert.equal((await newest('delivered', 1)).last_status, 250);
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

test('a recipient that the relay refuses for good is given up, one that it refuses for now is tried again', async () => {
  const { address } = await server.worker();
  relay.refuseNext(550);
  await server.send({ to: address, text: 'true' });
  assert.equal((await newest('failed', 1)).last_status, 550);
  relay.refuseNext(451);
  const answer = await answerTo({ to: address, text: 'echo later' });
  assert.match(answer.mail.text ?? '', /later/);
  assert.equal((await newest('delivered', 2)).last_status, 250);
});

test('a relay that is down for an hour costs time and no answer', async () => {
  const { address } = await server.worker();
  const count = relay.mails.length;
  await relay.stop();
  await server.send({ to: address, text: 'echo patient' });
  let waitedSeconds = 0;
  for (let attempts = 1; ; attempts += 1) {
    const { id, wait_s } = await newest('pending', attempts);
    waitedSeconds += wait_s;
    if (waitedSeconds > 3_600) break;
    // Instead of waiting, the attempt that is planned is made now.
    await rows('update webhook_deliveries set due_at = clock_timestamp() where id = $1', [id]);
  }
  const back = await startRelay(undefined, relay.port);
  await rows(`update webhook_deliveries set due_at = clock_timestamp() where state = 'pending'`);
  const [answer] = await back.take(1);
  assert.match(answer?.mail.text ?? '', /patient/);
  assert.deepEqual([relay.mails.length, back.mails.length], [count, 1]);
  assert.equal((await newest('delivered', 7)).last_status, 250);
});
