import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { ERRORS, type ErrorDefinition, isKaziError, KaziError } from './errors.ts';

describe('docs/errors.md', () => {
  const text = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8');
  const rows = text.split('\n').filter((line) => line.startsWith('| `'));
  const cellsOf = (row: string) => row.split(/(?<!\\)\|/).map((cell) => cell.trim());
  const documented = new Map(rows.map((row) => [cellsOf(row)[1]?.replaceAll('`', ''), row]));
  const startOfRow = (code: string, { status, retryable, message }: ErrorDefinition) =>
    `| \`${code}\` | ${status} | ${retryable ? 'yes' : 'no'} | ${message.replaceAll('|', '\\|')} |`;

  for (const [code, definition] of Object.entries<ErrorDefinition>(ERRORS)) {
    test(`says about ${code} what the registry says, and what to do`, () => {
      const row = documented.get(code) ?? '';
      const start = startOfRow(code, definition);
      assert.ok(row.startsWith(start), `docs/errors.md has "${row}"; expected: ${start} what to do |`);
      assert.notEqual(cellsOf(row)[5] ?? '', '', `docs/errors.md does not say what to do about ${code}`);
    });
  }

  test('names no code that the registry lacks, none twice, and keeps its order', () => {
    const codes = rows.map((row) => cellsOf(row)[1]?.replaceAll('`', ''));
    assert.deepEqual(codes, Object.keys(ERRORS));
  });
});

describe('a KaziError', () => {
  test('fills its message from the details and carries status, retry and cause', () => {
    const cause = new Error('below');
    const error = new KaziError('UNKNOWN_AGENT', { agent: 'x', available: 'echo, shell' }, { cause });
    assert.equal(error.message, "Unknown agent type: 'x'. Available: echo, shell");
    assert.deepEqual([error.status, error.retryable, error.cause], [400, false, cause]);
  });

  test('leaves a mark without a detail visible, and takes nothing from the prototype', () => {
    assert.equal(new KaziError('SCOPE_REQUIRED').message, '{scope} scope required');
    assert.equal(new KaziError('INVALID_REQUEST', { message: '{toString}' }).message, '{toString}');
  });

  test('is recognised by its code', () => {
    const error: unknown = new KaziError('JOB_NOT_FOUND');
    assert.deepEqual(
      [isKaziError(error), isKaziError(error, 'JOB_NOT_FOUND'), isKaziError(error, 'NOT_FOUND')],
      [true, true, false],
    );
    assert.equal(isKaziError(new Error('JOB_NOT_FOUND')), false);
  });

  test('has a client or server status, whatever the code', () => {
    for (const { status } of Object.values(ERRORS)) assert.ok(status >= 400 && status <= 599);
  });
});
