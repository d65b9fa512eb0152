/**
 * `npm run conformance -- jobs|workers|batches [--url URL --secret SECRET] [--api-key KEY]`: the checks of an API family against any server
 * of it, line by line; without --url against a server of this clone, which is started for it. Ends with 1 when one fails.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { run } from 'node:test';
import { parseArgs } from 'node:util';
import { TEST_API_KEY } from '../support/job-client.ts';
import { ServerProcess } from '../support/server-process.ts';
import { BATCH_CHECKS } from './batches/checks.ts';
import { CHECKS } from './jobs/checks.ts';
import { CONFORMANCE_VARIABLES } from './jobs/find-target.ts';
import { WORKER_CHECKS } from './workers/checks.ts';

/** A session token in place of an API key may have to wait for a minute, more than once. */
const TEST_TIMEOUT_MS = 300_000;

/** The families that have checks. */
const FAMILIES: Readonly<Record<string, { readonly checks: readonly string[]; readonly file: string }>> = {
  jobs: { checks: CHECKS, file: join(import.meta.dirname, 'jobs/conformance.test.ts') },
  workers: { checks: WORKER_CHECKS, file: join(import.meta.dirname, 'workers/conformance.test.ts') },
  batches: { checks: BATCH_CHECKS, file: join(import.meta.dirname, 'batches/conformance.test.ts') },
};

/** What the tests of one check have shown. */
interface Finding {
  passed: number;
  readonly failures: string[];
  readonly skips: string[];
}

interface Server {
  readonly url: string;
  readonly secret: string;
  readonly apiKey: string | undefined;
}

const say = (line: string): void => void process.stdout.write(`${line}\n`);

/** Runs the suites; findings by the number of the check, 0 for what kazi has beside the contract. */
const runSuites = async (file: string, server: Server): Promise<ReadonlyMap<number, Finding>> => {
  const findings = new Map<number, Finding>();
  const findingOf = (name: string): Finding => {
    const number = Number(/^(\d+)\. /.exec(name)?.[1] ?? 0);
    const finding = findings.get(number) ?? { passed: 0, failures: [], skips: [] };
    findings.set(number, finding);
    return finding;
  };
  const env = {
    ...process.env,
    [CONFORMANCE_VARIABLES.url]: server.url,
    [CONFORMANCE_VARIABLES.secret]: server.secret,
    ...(server.apiKey === undefined ? {} : { [CONFORMANCE_VARIABLES.apiKey]: server.apiKey }),
  };
  const events = run({ files: [file], timeout: TEST_TIMEOUT_MS, env });
  events.on('test:pass', ({ name, details, skip }) => {
    if (details.type === 'suite' || name === file) return;
    if (skip === undefined) findingOf(name).passed += 1;
    else findingOf(name).skips.push(`${name}: ${String(skip)}`);
  });
  events.on('test:fail', ({ name, details }) => {
    if (details.type !== 'suite') findingOf(name).failures.push(`${name}\n${describe(details.error)}`);
  });
  events.on('test:stderr', ({ message }) => process.stderr.write(message));
  await finished(events.resume());
  return findings;
};

const describe = (error: Error): string => {
  const cause = error.cause instanceof Error ? error.cause : error;
  return cause.message.replaceAll(/^/gm, '        ');
};

const showFindings = (checks: readonly string[], findings: ReadonlyMap<number, Finding>): boolean => {
  const counts = { pass: 0, FAIL: 0, skipped: 0, 'not covered': 0 };
  for (const [place, text] of checks.entries()) {
    const finding = findings.get(place + 1);
    const verdict = verdictOf(finding);
    counts[verdict] += 1;
    say(`${verdict.padEnd(11)} ${String(place + 1).padStart(2)}. ${text}`);
    for (const failure of finding?.failures ?? []) say(`      failed: ${failure}`);
    for (const skip of finding?.skips ?? []) say(`      not run: ${skip}`);
  }
  const beside = findings.get(0);
  for (const failure of beside?.failures ?? []) say(`FAIL beside the contract: ${failure}`);
  say(
    Object.entries(counts)
      .map(([verdict, count]) => `${count} ${verdict}`)
      .join(', '),
  );
  return counts.FAIL === 0 && (beside?.failures.length ?? 0) === 0 && counts.pass > 0;
};

const verdictOf = (finding: Finding | undefined): 'pass' | 'FAIL' | 'skipped' | 'not covered' => {
  if (finding === undefined) return 'not covered';
  if (finding.failures.length > 0) return 'FAIL';
  return finding.passed > 0 ? 'pass' : 'skipped';
};

/** A server of this clone, with a database of its own. */
const withOwnServer = async <Result>(use: (server: Server) => Promise<Result>): Promise<Result> => {
  const dataDir = await mkdtemp(join(tmpdir(), 'kazi-conformance-'));
  const secret = 'a signing secret of the conformance checks';
  try {
    const server = await ServerProcess.start({
      KAZI_DATA_DIR: dataDir,
      KAZI_SESSION_SIGNING_SECRET: secret,
      // The receivers of webhooks are here.
      KAZI_ALLOW_PRIVATE_WEBHOOKS: 'true',
    });
    try {
      return await use({ url: server.url, secret, apiKey: TEST_API_KEY });
    } finally {
      await server.stopWell();
    }
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
};

const main = async (): Promise<number> => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { url: { type: 'string' }, secret: { type: 'string' }, 'api-key': { type: 'string' } },
  });
  const family = FAMILIES[positionals[0] ?? ''];
  const isHalf = (values.url === undefined) !== (values.secret === undefined);
  if (family === undefined || positionals.length > 1 || isHalf) {
    process.stderr.write(
      `found "${process.argv.slice(2).join(' ')}", expected one of ${Object.keys(FAMILIES).join(', ')}, then --url with --secret or neither\n`,
    );
    return 2;
  }
  const { url, secret, 'api-key': apiKey } = values;
  const findings =
    url === undefined || secret === undefined
      ? await withOwnServer(async (server) => await runSuites(family.file, server))
      : await runSuites(family.file, { url, secret, apiKey });
  return showFindings(family.checks, findings) ? 0 : 1;
};

process.exitCode = await main();
