import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { CHECKS } from './checks.ts';

test('every numbered conformance test is a part of a check that is listed', () => {
  const suites = readdirSync(import.meta.dirname).filter((name) => name.startsWith('suite-'));
  const numbers = suites.flatMap((name) => {
    const text = readFileSync(`${import.meta.dirname}/${name}`, 'utf8');
    return Array.from(text.matchAll(/^\s*test\(\s*['"`](\d+)\. /gm), ([, number]) => Number(number));
  });
  assert.ok(numbers.length > 50, `found ${numbers.length} numbered tests`);
  assert.deepEqual(
    numbers.filter((number) => number < 1 || number > CHECKS.length),
    [],
  );
});
