import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startMailServer, startRelay } from '../support/mail-server.ts';
import { rowsOf } from '../support/rows.ts';
import { makeDue } from '../support/schedules.ts';
import { eventually } from '../support/signals.ts';
import { readParts } from '../wire/workers/target.ts';

test('a worker is made over HTTP, goes on by mail, answers by mail, and runs by cron: one conversation in one stream', async () => {
  const relay = await startRelay();
  const server = await startMailServer({ settings: { KAZI_SMTP_RELAY_URL: `smtp://127.0.0.1:${relay.port}` } });
  const { caller } = server;
  const rows = rowsOf(server.databaseUrl);

  const { id } = await caller.worked('echo kept > memory.txt; echo made over HTTP');
  const address = (await caller.get(`/api/workers/${id}/email`)).text;

  const sent = await server.send({
    to: address,
    subject: 'Count the lines',
    text: 'wc -l < mail/*/list.csv > count.txt; cat memory.txt',
    attachments: [{ filename: 'list.csv', content: 'a\nb\nc\n' }],
  });
  assert.equal(sent.code, 250, sent.text);
  const [answer] = await relay.take(1);
  assert.match(answer?.mail.text ?? '', /^kept/);
  assert.deepEqual(
    answer?.mail.attachments.map(({ filename, content }) => [filename, content.toString().trim()]),
    [['count.txt', '3']],
  );

  const when = { type: 'cron', cron: '0 6 * * *', timezone: 'Europe/Berlin' };
  const made = await caller.post(`/api/workers/${id}/schedules`, { input: 'cat count.txt; echo by cron', when });
  assert.equal(made.status, 200, made.text);
  const [schedule] = await rows<{ id: string }>('select id from schedules');
  await makeDue(rows, schedule?.id ?? '', 1);
  await eventually('the turn of the schedule', async () => (await server.turns(id)).length === 3);

  const worker = await caller.ended(id);
  const said = worker.messages.map(
    ({ role, parts }) =>
      `${role}: ${parts
        .map(({ text = '' }) => text)
        .join('')
        .trim()}`,
  );
  assert.equal(said.length, 6);
  assert.match(said[2] ?? '', /^user: # Count the lines\n\nwc -l/);
  assert.match(said[2] ?? '', /# Attached: mail\/[0-9a-f]{12}\/list\.csv$/);
  assert.match(said[5] ?? '', /^assistant: 3\nby cron$/);
  const stream = await caller.stream(`/api/workers/${id}/stream`, { headers: { 'last-event-id': '0' } });
  const parts = readParts(stream.text).map(({ part }) => part.type);
  assert.deepEqual(
    [parts.filter((type) => type === 'start').length, parts.filter((type) => type === 'finish').length],
    [3, 3],
  );
  assert.equal(relay.mails.length, 1, 'only the turn that came by mail is answered by mail');
});
