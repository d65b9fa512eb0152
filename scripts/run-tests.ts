/**
 * `npm test [-- FILE… | --name REGEXP]`: runs the whole suite, or only the given files, with Node's own runner.
 * `npm run proofs` runs what takes too long for every change: tests/proofs.
 *
 * A test file ends by itself once its tests are done. One that leaves a handle open never does, and is ended here as a
 * failure after a silence: `--test-force-exit` would hide it, and can cut off the report of what has failed.
 */
import { existsSync, globSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { parseArgs } from 'node:util';
import { makeRunFolder } from './fast-folder.ts';

const PROOFS = 'tests/proofs/';
const GLOBAL_SETUP = 'tests/support/global-setup.ts';

// The slowest tests kill servers and wait for real leases: half a minute each, and twice that where a machine is slow.
const TEST_TIMEOUT_MS = 120_000;
// The timeout cannot end a test that never yields, or a file that hangs before its first test; silence gives them away.
const SILENCE_LIMIT_MS = 180_000;
// Test files start servers and sandboxes of their own: one more than there are cores keeps these busy, and a second one on
// each made leases run out before their time.
const CONCURRENCY = Math.min(availableParallelism() + 1, 8);

// How many files the end of a whole run names: where a suite that has grown slow is to be thinned.
const SLOWEST_SHOWN = 10;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { name: { type: 'string' }, proofs: { type: 'boolean', default: false } },
});
const missing = positionals.filter((file) => !existsSync(file));
if (missing.length > 0) {
  process.stderr.write(`found no test file "${missing.join('", "')}", expected a path as from the repository's root\n`);
  process.exit(2);
}

/** Files of the suite, or those of the proofs. tests/units.test.ts takes in what stands in src. */
const chooseFiles = (): string[] => {
  if (positionals.length > 0) return positionals;
  const all = ['tests', 'sdk', 'web/src'].flatMap((folder) => globSync(`${folder}/**/*.test.ts`));
  return all.filter((file) => file.startsWith(PROOFS) === values.proofs).toSorted();
};

// Ends the running files but not this process, so that the global teardown still stops the database.
const interruption = new AbortController();
const silenceTimer = setTimeout(() => {
  process.stderr.write(`found no result for ${SILENCE_LIMIT_MS / 1000} s, ending the files that still run\n`);
  process.exitCode = 1;
  interruption.abort();
}, SILENCE_LIMIT_MS);
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    process.exitCode = 1;
    interruption.abort();
  });
}

// Read by os.tmpdir(), here and in the files.
const runFolder = makeRunFolder();
process.env['TMPDIR'] = runFolder.folder;
// Not before: the global teardown, which stops a database there, goes on after the last report.
process.once('exit', runFolder.remove);

const events = run({
  files: chooseFiles().map((file) => path.resolve(file)),
  ...(existsSync(GLOBAL_SETUP) ? { globalSetupPath: path.resolve(GLOBAL_SETUP) } : {}),
  ...(values.name === undefined ? {} : { testNamePatterns: [new RegExp(values.name, 'u')] }),
  concurrency: CONCURRENCY,
  timeout: TEST_TIMEOUT_MS,
  signal: interruption.signal,
  execArgv: ['--disable-warning=ExperimentalWarning'],
});

const fileTimes: { readonly file: string; readonly seconds: number }[] = [];
events.on('test:summary', ({ file, duration_ms: milliseconds }) => {
  if (file !== undefined) fileTimes.push({ file: path.relative('.', file), seconds: milliseconds / 1000 });
});
let testCount = 0;
events.on('test:pass', () => {
  testCount += 1;
});
events.on('test:fail', () => {
  process.exitCode = 1;
});
events.on('end', () => {
  if (testCount === 0) process.exitCode = 1; // A suite that ran nothing has proved nothing.
});
events.on('data', () => silenceTimer.refresh());
await pipeline(events, new spec(), process.stdout, { end: false });
clearTimeout(silenceTimer);
if (fileTimes.length > SLOWEST_SHOWN) {
  const slowest = fileTimes.toSorted((a, b) => b.seconds - a.seconds).slice(0, SLOWEST_SHOWN);
  const lines = slowest.map(({ file, seconds }) => `  ${seconds.toFixed(1).padStart(6)} s  ${file}`);
  process.stdout.write(`\nslowest files:\n${lines.join('\n')}\n`);
}
