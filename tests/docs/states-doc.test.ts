import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { JOB_STATES, JOB_TRANSITIONS, type JobTransition } from '../../src/core/job.ts';
import { createTestDatabase } from '../support/database.ts';
import { rowsOf } from '../support/rows.ts';

const page = await readFile(new URL('../../docs/states.md', import.meta.url), 'utf8');

test('docs/states.md shows the whole table of job states, and nothing else', () => {
  const transitions = Object.keys(JOB_TRANSITIONS.queued) as readonly JobTransition[];
  const rows = JOB_STATES.map((state) => [
    state,
    ...transitions.map((transition) => JOB_TRANSITIONS[state][transition] ?? '–'),
  ]);
  const table = [['State', ...transitions], ['---'], ...rows].map((cells) => `| ${cells.join(' | ')} |`);
  table[1] = `|${'---|'.repeat(transitions.length + 1)}`;
  assert.ok(page.includes(`\n\n${table.join('\n')}\n\n`), `expected this table:\n${table.join('\n')}`);
});

test('docs/states.md explains each column of a session', async (t) => {
  const { url } = await createTestDatabase(t);
  const columns = await rowsOf(url)<{ name: string }>(
    `select attname as name from pg_attribute where attrelid = 'sessions'::regclass and attnum > 0 and not attisdropped`,
  );
  const part = page.slice(page.indexOf('## Session'));
  const explained = [...part.matchAll(/^\| (`.*?`) \|/gm)].flatMap(([, names = '']) => names.split(', '));
  assert.deepEqual(explained.toSorted(), columns.map(({ name }) => `\`${name}\``).toSorted());
});
