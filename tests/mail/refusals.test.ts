import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { dkimSign } from 'mailauth/lib/dkim/sign.js';
import { DOMAIN, OWNER, sendMail, startMailServer } from '../support/mail-server.ts';

const MOST_BYTES = 1_000_000;
const server = await startMailServer({
  settings: { KAZI_DEFAULT_AGENT: 'echo', KAZI_MAIL_MAX_BYTES: String(MOST_BYTES), KAZI_MAIL_RATE_LIMIT: '0' },
});
const { caller, zone } = server;
const { id, address } = await server.worker();
const countTurns = async (): Promise<number> => (await server.turns(id)).length;

/** The code of the answer; nothing may have come of the mail. */
const refused = async (mail: Parameters<typeof server.send>[0]): Promise<string> => {
  const before = await countTurns();
  const { code, text } = await server.send(mail);
  assert.equal(await countTurns(), before, text);
  return `${code} ${/\d\.\d+\.\d+/.exec(text)?.[0]}`;
};

test('an address that is no worker is refused before the mail is sent', async () => {
  const unknown = address.replace(/-.*@/, '-00000000@');
  assert.equal(await refused({ to: unknown }), '550 5.1.1');
  assert.equal(await refused({ to: `somebody@${DOMAIN}` }), '550 5.1.1');
  assert.equal(await refused({ to: address.replace(DOMAIN, 'example.org') }), '550 5.1.1');
});

test('a sender whom nobody named is refused, whatever the mail proves', async () => {
  assert.equal(await refused({ to: address, from: 'someone@stranger.net' }), '550 5.7.1');
});

test('a worker has a list of its own, and without one the addresses of its owner', async () => {
  const own = await server.worker();
  const path = `/api/workers/${own.id}/email/senders`;
  assert.deepEqual((await caller.get(path)).json, { senders: [OWNER], inherited: true });
  const set = await caller.send({ method: 'PUT', path, body: { senders: ['*@Stranger.net', '*@stranger.net'] } });
  assert.deepEqual(set.json, { senders: ['*@stranger.net'], inherited: false });
  assert.equal((await server.send({ to: own.address, from: 'anyone@stranger.net' })).code, 250);
  assert.equal((await server.send({ to: own.address })).code, 550);
  assert.equal((await caller.send({ method: 'PUT', path, body: { senders: null } })).json['inherited'], true);
  assert.equal((await server.send({ to: own.address })).code, 250);
  for (const senders of [['no address'], ['*'], 'alice@example.org', [7]]) {
    assert.equal((await caller.send({ method: 'PUT', path, body: { senders } })).status, 400);
  }
});

test('a forged sender is refused: SPF of another domain, no SPF at all, a broken signature', async () => {
  // Passes SPF, for a domain that From does not name.
  assert.equal(await refused({ to: address, sender: 'x@stranger.net' }), '550 5.7.26');
  zone.set('example.org TXT', ['v=spf1 ip4:192.0.2.1 -all']);
  assert.equal(await refused({ to: address }), '550 5.7.26');
  zone.delete('example.org TXT');
  assert.equal(await refused({ to: address }), '550 5.7.26');
  const headers = { 'DKIM-Signature': 'v=1; a=rsa-sha256; d=example.org; s=k; h=from; bh=AAAA; b=AAAA' };
  assert.equal(await refused({ to: address, headers }), '550 5.7.26');
  zone.set('example.org TXT', ['v=spf1 ip4:127.0.0.1 -all']);
});

test('a mail with two authors, or two From fields, is refused', async () => {
  for (const from of [`From: ${OWNER}, eve@stranger.net`, `From: eve@stranger.net\r\nFrom: ${OWNER}`, 'X: y']) {
    const raw = `${from}\r\nTo: ${address}\r\nSubject: x\r\n\r\nhello\r\n`;
    assert.equal(await refused({ to: address, sender: OWNER, raw }), '550 5.6.0');
  }
});

test('a DKIM signature of the domain proves the sender, also after another server has forwarded the mail', async () => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const record = publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
  zone.set('key._domainkey.example.org TXT', [`v=DKIM1; k=rsa; p=${record}`]);
  const mail = `From: ${OWNER}\r\nTo: ${address}\r\nSubject: signed\r\nMessage-ID: <signed@example.org>\r\n\r\nsigned text\r\n`;
  const signer = {
    signingDomain: 'example.org',
    selector: 'key',
    privateKey: String(privateKey.export({ type: 'pkcs8', format: 'pem' })),
  };
  const { signatures } = await dkimSign(mail, { ...signer, signatureData: [signer] });
  assert.match(signatures, /^DKIM-Signature:/);
  const forwarded = { to: address, sender: 'forwarder@stranger.net' };
  const changed = `${signatures}${mail}`.replace('signed text', 'other text');
  assert.equal(await refused({ ...forwarded, raw: changed }), '550 5.7.26');
  assert.equal((await server.send({ ...forwarded, raw: `${signatures}${mail}` })).code, 250);
});

test('while DNS does not answer, the client is told to come again', async () => {
  zone.set('example.org TXT', ['SERVFAIL']);
  assert.equal(await refused({ to: address }), '451 4.3.0');
  zone.set('example.org TXT', ['v=spf1 ip4:127.0.0.1 -all']);
  assert.equal((await server.send({ to: address })).code, 250);
});

test('mails of machines and mails that have been here are refused: no loops', async () => {
  const machines = [
    { headers: { 'Auto-Submitted': 'auto-replied (vacation)' } },
    { headers: { Precedence: 'bulk' } },
    { headers: { 'List-Id': '<everyone.example.org>' } },
    { headers: { 'X-Loop': DOMAIN } },
    { messageId: `<kazi.0b1f9a52-58f4-4b2c-9b57-cf2a0f8c0d11.${address}>` },
    { from: address, sender: OWNER },
    { sender: '' },
  ];
  for (const mail of machines) assert.equal(await refused({ to: address, ...mail }), '550 5.7.1');
  const stations = 'Received: from a by b\r\n'.repeat(51);
  const raw = `${stations}From: ${OWNER}\r\nSubject: x\r\n\r\nhello\r\n`;
  assert.equal(await refused({ to: address, sender: OWNER, raw }), '550 5.7.1');
  assert.equal((await server.send({ to: address, headers: { 'Auto-Submitted': 'no' } })).code, 250);
});

test('a mail that is too large is refused, before it is sent where the client says so and after it otherwise', async () => {
  const attachments = [{ filename: 'big.bin', content: Buffer.alloc(MOST_BYTES) }];
  assert.equal(await refused({ to: address, attachments }), '552 5.3.4');
  const talk = await dialogue(['EHLO x', `MAIL FROM:<${OWNER}> SIZE=${MOST_BYTES + 1}`]);
  assert.match(talk[0] ?? '', new RegExp(`SIZE ${MOST_BYTES}`));
  assert.match(talk[1] ?? '', /^552 /);
});

test('broken MIME is read as far as it goes, or refused, and the server goes on', async () => {
  const head = `From: ${OWNER}\r\nTo: ${address}\r\nSubject: =?utf-8?Q?broken`;
  const bodies = [
    '\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: text/plain; charset=nonsense\r\n\r\nhello',
    '\r\nContent-Type: multipart/mixed\r\nContent-Transfer-Encoding: base64\r\n\r\n%%%%\r\n',
    '\r\nContent-Type: text/html\r\n\r\n<p><b><table><tr>open',
    `\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n${'--x\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n'.repeat(5_000)}`,
    '',
  ];
  for (const body of bodies) {
    const raw = Buffer.concat([Buffer.from(head), Buffer.from(body), Buffer.from([0x00, 0xff, 0xfe, 0x80])]);
    const { code, text } = await server.send({ to: address, sender: OWNER, raw });
    assert.ok(code === 250 || code === 550, text);
  }
  assert.equal((await server.send({ to: address })).code, 250);
});

test('a trusted network proves its senders itself; the list of senders, the limit of each and that of size hold there too', async (t) => {
  const settings = { KAZI_DEFAULT_AGENT: 'echo', KAZI_SMTP_TRUSTED: 'loopback', KAZI_MAIL_RATE_LIMIT: '2' };
  const trusting = await startMailServer({ settings }, t);
  trusting.zone.clear();
  const worker = await trusting.worker();
  assert.equal((await trusting.send({ to: worker.address, from: 'someone@stranger.net' })).code, 550);
  const attachments = [{ filename: 'big.bin', content: Buffer.alloc(30_000_000) }];
  assert.equal((await trusting.send({ to: worker.address, attachments })).code, 552, 'with the usual limit');
  const send = async (messageId: string) => (await trusting.send({ to: worker.address, messageId })).code;
  // A repeated mail does not count.
  const codes = [await send('<1@x>'), await send('<1@x>'), await send('<2@x>'), await send('<3@x>')];
  assert.deepEqual(codes, [250, 250, 250, 450]);
  assert.equal((await trusting.turns(worker.id)).length, 3);
});

test('a deleted worker has no address any more', async () => {
  const gone = await server.worker();
  await caller.send({ method: 'DELETE', path: `/api/workers/${gone.id}` });
  assert.equal((await sendMail(server.port, { to: gone.address })).code, 550);
});

/** What the server says to each line; every line of an answer, joined. */
const dialogue = async (lines: readonly string[]): Promise<readonly string[]> => {
  const socket = connect(server.port, '127.0.0.1');
  const said = createInterface({ input: socket })[Symbol.asyncIterator]();
  const answer = async (): Promise<string> => {
    const text: string[] = [];
    for (;;) {
      const { value = '' } = await said.next();
      text.push(String(value));
      if (!/^\d{3}-/.test(String(value))) return text.join('\n');
    }
  };
  await answer();
  const answers: string[] = [];
  for (const line of lines) {
    socket.write(`${line}\r\n`);
    answers.push(await answer());
  }
  socket.destroy();
  return answers;
};
