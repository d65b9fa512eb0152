import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { DOMAIN, OWNER, startMailServer } from '../support/mail-server.ts';

const server = await startMailServer({ settings: { KAZI_DEFAULT_AGENT: 'echo' } });
const { caller } = server;

test('a mail is a turn: the subject as a heading, the text as the instruction, and its sender in the metadata', async () => {
  const { id, address } = await server.worker();
  const sent = await server.send({
    to: address,
    subject: 'Say\r\n hello',
    text: 'echo "from the mail"',
    messageId: '<one@example.org>',
  });
  assert.deepEqual([sent.code, sent.text], [250, '250 2.0.0 Accepted']);
  const worker = await caller.ended(id);
  const [, turn] = await server.turns(id);
  assert.equal(turn?.question, '# Say hello\n\necho "from the mail"');
  assert.equal(worker.output_text, turn.question);
  assert.deepEqual(
    worker.messages.map(({ role }) => role),
    ['user', 'assistant', 'user', 'assistant'],
  );
  const job = await caller.job(turn?.id ?? '');
  assert.deepEqual(job['metadata'], {
    mail_from: OWNER,
    mail_subject: 'Say hello',
    mail_message_id: 'one@example.org',
  });
});

test('the files of a mail are in the workspace under harmless names, in a folder of their own', async () => {
  const { id, address } = await server.worker();
  const attachments = [
    { filename: '../../etc/passwd', content: 'one' },
    { filename: 'passwd', content: 'two' },
    { filename: '.hidden\u202e\u0007;rm -rf.txt', content: 'three' },
  ];
  const { code } = await server.send({ to: address, text: 'Look at these.', attachments });
  assert.equal(code, 250);
  const worker = await caller.ended(id);
  const contents = await Promise.all(
    worker.files.map(async ({ filename, url }) => [filename, (await caller.get(new URL(url).pathname)).text]),
  );
  assert.deepEqual(
    Object.fromEntries(contents),
    Object.fromEntries([
      ['hidden___rm -rf.txt', 'three'],
      ['passwd', 'one'],
      ['passwd-2', 'two'],
    ]),
  );
  const [, turn] = await server.turns(id);
  assert.match(turn?.question ?? '', /^# Attached: mail\/[0-9a-f]{12}\/passwd$/m);
});

test('the same mail again makes no second turn, by its Message-ID or by its content', async () => {
  const { id, address } = await server.worker();
  const known = { to: address, messageId: '<again@example.org>', text: 'echo once' };
  assert.equal((await server.send(known)).code, 250);
  assert.equal((await server.send({ ...known, headers: { Received: 'from elsewhere' } })).code, 250);
  const raw = (received: string, text: string) =>
    `Received: ${received}\r\nFrom: ${OWNER}\r\nTo: ${address}\r\nSubject: x\r\n\r\n${text}\r\n`;
  for (const mail of [raw('a', 'echo twice'), raw('b', 'echo twice')]) {
    assert.equal((await server.send({ to: address, sender: OWNER, raw: mail })).code, 250);
  }
  assert.equal((await server.turns(id)).length, 3);
  assert.equal((await server.send({ to: address, sender: OWNER, raw: raw('b', 'echo thrice') })).code, 250);
  assert.equal((await server.turns(id)).length, 4);
});

test('copies of a mail that arrive at the same moment make one turn', async () => {
  const { id, address } = await server.worker();
  const copies = Array.from(
    { length: 6 },
    async () => await server.send({ to: address, messageId: '<copies@example.org>' }),
  );
  assert.deepEqual(
    (await Promise.all(copies)).map(({ code }) => code),
    [250, 250, 250, 250, 250, 250],
  );
  assert.equal((await server.turns(id)).length, 2);
});

test('one mail to several workers is a turn of each, and of none where one of them may not have it', async () => {
  const [first, second, closed] = [await server.worker(), await server.worker(), await server.worker()];
  await caller.send({ method: 'PUT', path: `/api/workers/${closed.id}/email/senders`, body: { senders: [] } });
  const all = await server.send({ to: [first.address, second.address, closed.address] });
  assert.equal(all.code, 550);
  assert.deepEqual([(await server.turns(first.id)).length, (await server.turns(second.id)).length], [1, 1]);
  const two = await server.send({ to: [first.address, second.address, first.address.replace('@', '+twice@')] });
  assert.equal(two.code, 250);
  assert.deepEqual([(await server.turns(first.id)).length, (await server.turns(second.id)).length], [2, 2]);
});

test('an address may have details after a plus, and the shared one finds the worker by the mail that is answered', async () => {
  const { id, address } = await server.worker();
  const [localPart] = address.split('@');
  assert.equal((await server.send({ to: address.replace('@', '+project-7@') })).code, 250);
  assert.equal((await server.send({ to: `kazi+${localPart}@${DOMAIN}` })).code, 250);
  const inReplyTo = `<kazi.0b1f9a52-58f4-4b2c-9b57-cf2a0f8c0d11.${address}>`;
  assert.equal((await server.send({ to: `kazi@${DOMAIN}`, inReplyTo })).code, 250);
  assert.equal((await server.turns(id)).length, 4);
  assert.equal((await server.send({ to: `kazi@${DOMAIN}` })).code, 550);
});

test('a reply is read without the history that it quotes', async () => {
  const { id, address } = await server.worker();
  const text = 'echo new\n\nOn Fri, Nov 27, 2026 at 9:12 AM kazi <a@kazi.test> wrote:\n> echo old\n> echo older\n';
  await server.send({ to: address, subject: 'Re: A task', text, inReplyTo: '<x@kazi.test>' });
  const [, turn] = await server.turns(id);
  assert.equal(turn?.question, 'echo new');
});

test('a mail of HTML alone is read as Markdown', async () => {
  const { id, address } = await server.worker();
  const raw = `From: ${OWNER}\r\nTo: ${address}\r\nSubject: x\r\nContent-Type: text/html\r\n\r\n<style>p{}</style><p>Look at <b>this</b></p><ul><li>one</li></ul>`;
  assert.equal((await server.send({ to: address, sender: OWNER, raw })).code, 250);
  const [, turn] = await server.turns(id);
  assert.match(turn?.question ?? '', /^# x\n\nLook at \*\*this\*\*\n\n- +one$/);
});

test('a text that is too long for an instruction is cut, and whole in a file', async () => {
  const { id, address } = await server.worker();
  const text = `true # ${'y'.repeat(120_000)}`;
  assert.equal((await server.send({ to: address, text })).code, 250);
  const [, turn] = await server.turns(id);
  assert.ok((turn?.question.length ?? 0) <= 100_000);
  assert.match(turn?.question ?? '', /all of it is in mail\/[0-9a-f]{12}\/message\.txt$/m);
  const worker = await caller.ended(id);
  const file = worker.files.find(({ filename }) => filename === 'message.txt');
  assert.ok(file);
  assert.equal((await caller.get(new URL(file.url).pathname)).text, text);
});

test('files that find no place in the workspace are refused with the reason, and make no turn', async () => {
  const { id, address } = await server.worker();
  const attachments = [{ filename: 'a.txt', content: 'a' }];
  assert.equal((await server.send({ to: address, attachments })).code, 250);
  const { num } = (await server.app.node.context.directory.findSession('default', id)) ?? { num: 0 };
  const folder = join(server.dataDir, 'workspaces', String(num), 'files', 'mail');
  await rm(folder, { recursive: true });
  await writeFile(folder, 'a file');
  const { code, text } = await server.send({ to: address, attachments });
  assert.deepEqual([code, /"mail" is no folder/.test(text)], [550, true], text);
  assert.equal((await server.turns(id)).length, 2);
});
