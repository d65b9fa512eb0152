import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { createTestDatabase } from '../support/database.ts';
import { TEST_API_KEY } from '../support/job-client.ts';
import { DOMAIN, OWNER, startRelay } from '../support/mail-server.ts';
import { makeDataDir } from '../support/node.ts';
import { allJobsEnded, rowsOf } from '../support/rows.ts';
import { ServerProcess } from '../support/server-process.ts';
import { eventually } from '../support/signals.ts';
import { Caller } from '../wire/workers/target.ts';

/** Hands a mail over as far as its final dot; `answer` is the code after it, null where the server dies instead. */
const handOver = async (
  port: number,
  address: string,
  raw: string,
): Promise<{ readonly answer: Promise<number | null> }> => {
  const socket = connect(port, '127.0.0.1');
  const news = new EventEmitter();
  let text = '';
  let isClosed = false;
  socket.setEncoding('utf8').on('data', (part: string) => {
    text += part;
    news.emit('news');
  });
  socket.on('error', () => undefined /* the server was killed; "close" follows */);
  socket.on('close', () => {
    isClosed = true;
    news.emit('news');
  });
  const answer = async (): Promise<number | null> => {
    for (;;) {
      const [all, code] = /^(?:\d{3}-.*\r\n)*(\d{3})(?: .*)?\r\n/.exec(text) ?? [];
      if (all !== undefined) {
        text = text.slice(all.length);
        return Number(code);
      }
      if (isClosed) return null;
      await once(news, 'news');
    }
  };
  await answer();
  for (const line of ['EHLO client', `MAIL FROM:<${OWNER}>`, `RCPT TO:<${address}>`, 'DATA']) {
    socket.write(`${line}\r\n`);
    await answer();
  }
  socket.write(`${raw}\r\n.\r\n`);
  return { answer: answer() };
};

test('a server that is killed after DATA and before 250 gets the mail again, and makes one turn of it', async (t) => {
  const { url: databaseUrl } = await createTestDatabase(t);
  const rows = rowsOf(databaseUrl);
  const relay = await startRelay(t);
  const settings = {
    DATABASE_URL: databaseUrl,
    KAZI_DATA_DIR: await makeDataDir(t),
    KAZI_DEFAULT_AGENT: 'echo',
    KAZI_SANDBOX: 'just-bash',
    KAZI_LEASE_MS: '1000',
    KAZI_SMTP_PORT: '0',
    KAZI_SMTP_TRUSTED: 'loopback',
    KAZI_MAIL_DOMAIN: DOMAIN,
    KAZI_SMTP_RELAY_URL: `smtp://127.0.0.1:${relay.port}`,
  };
  const start = async (): Promise<{ readonly server: ServerProcess; readonly port: number }> => {
    const server = await ServerProcess.start(settings);
    return { server, port: Number((await server.sawLine('listening for mail'))['port']) };
  };
  let { server, port } = await start();
  t.after(async () => await server.kill());
  const caller = new Caller({ url: server.url, signingSecret: '', apiKey: TEST_API_KEY });
  await caller.send({ method: 'PUT', path: '/mail/addresses', body: { addresses: [OWNER] } });
  const { id } = await caller.create({ input: 'begin' });
  const address = (await caller.get(`/api/workers/${id}/email`)).text;
  const countTurns = async (text: string): Promise<number> =>
    (await rows('select id from jobs where question like $1', [`%${text}%`])).length;

  const moments: readonly (readonly [string, (text: string) => Promise<unknown>])[] = [
    ['at-once', async () => await Promise.resolve()],
    ['committed', async (text) => await eventually('the turn', async () => (await countTurns(text)) > 0)],
  ];
  for (const [text, moment] of moments) {
    // The first one has no Message-ID.
    const named = text === 'committed' ? `Message-ID: <${text}@example.org>\r\n` : '';
    const attached = `--x\r\nContent-Type: text/plain\r\n\r\n${text}\r\n--x\r\nContent-Disposition: attachment; filename=a.txt\r\n\r\nfile ${text}\r\n--x--`;
    const raw = `From: ${OWNER}\r\nTo: ${address}\r\n${named}Subject: x\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n${attached}`;
    const { answer: lost } = await handOver(port, address, raw);
    await moment(text);
    await server.kill();
    // Where the word came through before the blow, a client that did not hear it does the same.
    await lost;
    ({ server, port } = await start());
    assert.equal(await (await handOver(port, address, raw)).answer, 250);
    assert.equal(await (await handOver(port, address, raw)).answer, 250);
    assert.equal(await countTurns(text), 1);
  }
  await allJobsEnded(rows, 30_000);
  await eventually('the end of every delivery', async () => {
    const open = await rows(`select id from webhook_deliveries where state <> 'delivered'`);
    return open.length === 0;
  });
  // The server may have died between the relay's word and its own bookkeeping: then the answer comes again under its old id.
  assert.equal(new Set(relay.mails.map(({ mail }) => mail.messageId)).size, 2);
  const files = await new Caller({ url: server.url, signingSecret: '', apiKey: TEST_API_KEY }).worker(id);
  assert.deepEqual(
    files.files.map(({ filename }) => filename),
    ['a.txt', 'a.txt'],
  );
  assert.deepEqual(await server.stopWell(), []);
});
