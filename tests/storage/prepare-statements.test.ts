import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import pg from 'pg';
import { createTestDatabase } from '../support/database.ts';

const FOLDER = new URL('../../src/storage/', import.meta.url);
const database = await createTestDatabase();

const files = readdirSync(FOLDER, { recursive: true, encoding: 'utf8' });
const textOf = (name: string): string => readFileSync(new URL(name, FOLDER), 'utf8');
const statements = files
  .filter((name) => name.endsWith('.sql'))
  .map((name) => ({ name: name.slice(0, -'.sql'.length), sql: textOf(name) }));

/** What database.ts, migrate.ts and notifications.ts send on a client of their own: SQL, not a name of a file. */
const isOneLiner = (text: string): boolean => text.includes(' ') || ['begin', 'commit', 'rollback'].includes(text);

/** The comment before the statement. */
const headerOf = (sql: string): string => /^(?:--.*\n)*/.exec(sql)?.[0] ?? '';

test('every statement prepares against the migrated database', async () => {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  const faults: string[] = [];
  for (const [index, { name, sql }] of statements.entries()) {
    await client
      .query(`prepare statement_${index} as ${sql}`)
      .catch((error: unknown) => faults.push(`${name}: ${String(error)}`));
  }
  const { rows } = await client.query<{ name: string; types: string[] }>(
    'select name, parameter_types::text[] as types from pg_prepared_statements',
  );
  await client.end();
  assert.deepEqual(faults, []);
  assert.equal(rows.length, statements.length);
  for (const { name, types } of rows) {
    const statement = statements[Number(name.replace('statement_', ''))];
    for (const place of types.keys()) {
      assert.match(
        headerOf(statement?.sql ?? ''),
        new RegExp(`\\$${place + 1}\\b`),
        `${statement?.name}: $${place + 1} is not in its header`,
      );
    }
  }
});

test('every statement that the code names has its file, and every file is named', () => {
  const code = files.filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts')).map(textOf);
  const calls = code.flatMap((text) => [...text.matchAll(/\bquery(?:<[^()]*?>)?\(\s*'([^']+)'/gs)]);
  const named = new Set(calls.map(([, name = '']) => name).filter((name) => !isOneLiner(name)));
  assert.deepEqual([...named].toSorted(), statements.map(({ name }) => name).toSorted());
});

test('every statement begins by saying what it does, and names its index when it looks for rows', () => {
  const faults = statements.flatMap(({ name, sql }) => {
    const looksForRows = /\b(?:where|join|on conflict)\b/.test(sql.slice(headerOf(sql).length));
    return [
      ...(/^-- [A-Z][^.?]*[.?]/.test(headerOf(sql)) ? [] : [`${name} does not say what it does`]),
      ...(!looksForRows || /\bIndex:/.test(headerOf(sql)) ? [] : [`${name} does not say which index it uses`]),
    ];
  });
  assert.deepEqual(faults, []);
});
