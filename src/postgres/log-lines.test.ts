import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { pino } from 'pino';
import { readPostgresLog } from './log-lines.ts';

const READY = 'LOG:  database system is ready to accept connections';

const capture = () => {
  const lines: { readonly level: string; readonly text: string }[] = [];
  const write = (line: string): void => {
    const { level, postgres } = JSON.parse(line) as { readonly level: number; readonly postgres: string };
    lines.push({ level: pino.levels.labels[level] ?? '', text: postgres });
  };
  return { lines, log: pino({ level: 'debug' }, { write }) };
};

describe('readPostgresLog', () => {
  test('logs whole lines and sees the server ready once, wherever its output is cut', () => {
    const output = `LOG:  starting\nWARNING:  careful\n${READY}\nFATAL:  sorry\nPANIC:  lost\nERROR:  of a client\n`;
    fc.assert(
      fc.property(fc.array(fc.nat(output.length)), (cuts) => {
        const { lines, log } = capture();
        let readyCount = 0;
        const reader = readPostgresLog(log, () => {
          readyCount += 1;
        });
        const places = [0, ...cuts.toSorted((a, b) => a - b), output.length];
        places.slice(1).forEach((place, index) => reader.write(output.slice(places[index], place)));
        assert.deepEqual(
          lines.map(({ text }) => text),
          output.trim().split('\n'),
        );
        assert.deepEqual(
          lines.map(({ level }) => level),
          ['debug', 'warn', 'debug', 'warn', 'error', 'debug'],
        );
        assert.equal(readyCount, 1);
      }),
    );
  });

  test('keeps the newest lines, with an unfinished one, for the message of an error', () => {
    const reader = readPostgresLog(capture().log, () => undefined);
    for (let line = 1; line <= 40; line += 1) reader.write(`LOG:  ${line}\n`);
    reader.write('FATAL:  no');
    assert.match(reader.tail(), /^LOG: {2}29 .* LOG: {2}40 \| FATAL: {2}no$/);
  });
});
