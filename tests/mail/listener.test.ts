import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { createTransport } from 'nodemailer';
import pg from 'pg';
import { MailReader } from '../../src/mail/mail-reader.ts';
import { createTestDatabase } from '../support/database.ts';
import { OWNER, startMailServer } from '../support/mail-server.ts';
import { makeDataDir } from '../support/node.ts';
import { eventually } from '../support/signals.ts';
import { TEST_CERTIFICATE, TEST_CERTIFICATE_KEY } from '../support/test-certificate.ts';

test('while the database is away the client is told to come again, and then its mail is taken', async (t) => {
  const database = await createTestDatabase(t);
  const server = await startMailServer({ databaseUrl: database.url, settings: { KAZI_DEFAULT_AGENT: 'echo' } }, t);
  const { id, address } = await server.worker();
  const admin = new pg.Client({ connectionString: database.url.replace(/\/[^/?]*(\?|$)/, '/postgres$1') });
  await admin.connect();
  t.after(async () => await admin.end());
  await admin.query(`alter database ${database.name} with allow_connections false`);
  await admin.query('select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [database.name]);
  const { code, text } = await server.send({ to: address, messageId: '<away@example.org>' });
  await admin.query(`alter database ${database.name} with allow_connections true`);
  assert.equal(code, 451, text);
  assert.equal((await server.send({ to: address, messageId: '<away@example.org>' })).code, 250);
  assert.equal((await server.turns(id)).length, 2);
});

test('STARTTLS is offered with a certificate; a stop ends idle clients at once', async (t) => {
  const folder = await makeDataDir(t);
  await writeFile(join(folder, 'cert.pem'), TEST_CERTIFICATE);
  await writeFile(join(folder, 'key.pem'), TEST_CERTIFICATE_KEY);
  const settings = {
    KAZI_DEFAULT_AGENT: 'echo',
    KAZI_SMTP_TLS_CERT: join(folder, 'cert.pem'),
    KAZI_SMTP_TLS_KEY: join(folder, 'key.pem'),
  };
  const server = await startMailServer({ settings }, t);
  const { id, address } = await server.worker();
  const transport = createTransport({
    ...{ host: '127.0.0.1', port: server.port, requireTLS: true, tls: { rejectUnauthorized: false } },
  });
  const sent = await transport.sendMail({ from: OWNER, to: address, subject: 'x', text: 'sealed' });
  assert.match(sent.response, /^250 /);
  assert.equal((await server.turns(id)).length, 2);
  const idle = connect(server.port, '127.0.0.1');
  await once(idle, 'data');
  const said = once(idle, 'data');
  const closed = once(idle, 'close');
  const stopping = server.stop();
  assert.match(String((await said)[0]), /^421 /);
  await closed;
  await stopping;
});

test('a mail that takes too long to read is given up, and the next one is read', async (t) => {
  const reader = new MailReader(1_500);
  t.after(async () => await reader.stop());
  const usual = Buffer.from('From: A@B.example\r\nSubject: y\r\n\r\nz');
  // The limit counts the start of a thread, which a busy machine may draw out.
  const readUsual = async () =>
    await eventually('a mail that is read', async () => (await reader.read(usual)) ?? undefined);
  await readUsual();
  const text = 'ü\r\n'.repeat(12_000_000);
  assert.equal(
    await reader.read(Buffer.from(`From: a@b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n${text}`)),
    null,
  );
  const { from, subject, text: read } = await readUsual();
  assert.deepEqual([from, subject, read], ['a@b.example', 'y', 'z']);
});
