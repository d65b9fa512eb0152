/**
 * `npm run check [-- --without-tests]`: everything that a change must pass. Runs every part even after one
 * failed, so that one run shows all that is wrong, and closes with a table.
 */
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { TASKS } from './bootstrap/tasks.mjs';

const PARTS = ['format:check', 'lint', 'types', 'sql', 'dead-code', 'test'] as const;

const { values } = parseArgs({ options: { 'without-tests': { type: 'boolean', default: false } } });

/** Runs one part with our terminal and says how it ended and how long it took. */
function runPart(name: (typeof PARTS)[number]): {
  readonly name: string;
  readonly passed: boolean;
  readonly seconds: number;
} {
  process.stdout.write(`\n── ${name}\n`);
  const startedAt = performance.now();
  const { status } = spawnSync(process.execPath, TASKS[name], { stdio: 'inherit' });
  return { name, passed: status === 0, seconds: (performance.now() - startedAt) / 1000 };
}

const outcomes = PARTS.filter((name) => !(values['without-tests'] && name === 'test')).map(runPart);
process.stdout.write('\n');
for (const { name, passed, seconds } of outcomes) {
  process.stdout.write(`${passed ? 'passed' : 'FAILED'}  ${name.padEnd(14)} ${seconds.toFixed(1).padStart(6)} s\n`);
}
process.exitCode = outcomes.every(({ passed }) => passed) ? 0 : 1;
