import { readFileSync } from 'node:fs';
import { Command, Option } from 'commander';
import { z } from 'zod';

/** Wraps a command so that its module is loaded when it is called, and its exit code is reported. */
type Act = <Given extends readonly unknown[]>(
  load: () => Promise<(...given: Given) => Promise<number>>,
) => (...given: Given) => Promise<void>;

const CONFIG_HELP = 'configuration file (JSON; docs/config.md)';
const DATA_DIR_HELP = 'data folder (KAZI_DATA_DIR, .kazi)';
const URL_HELP = 'server to talk to (KAZI_URL)';
const JSON_HELP = 'print JSON only';

/** The command line. Each command is imported when it is called, so that `kazi jobs list` does not load the server. */
export const buildProgram = (report: (exitCode: number) => void): Command => {
  const act: Act =
    (load) =>
    async (...given) => {
      const command = await load();
      report(await command(...given));
    };
  const program = new Command('kazi')
    .description('Self-hosted server for background AI-agent work.')
    .version(readVersion())
    .exitOverride()
    .showSuggestionAfterError()
    .configureOutput({ outputError: (text, write) => write(toOneLine(text)) });
  addServe(program, act);
  addRun(program, act);
  addJobs(program, act);
  addKeys(program, act);
  addToken(program, act);
  addDoctor(program, act);
  return program;
};

const addServe = (program: Command, act: Act): void => {
  program
    .command('serve')
    .description('run the server; prints "kazi ready http://HOST:PORT", logs JSON lines on stderr')
    .option('--host <address>', 'address to listen on (KAZI_HOST, 127.0.0.1)')
    .option('--port <number>', 'port to listen on, 0 for any free one (KAZI_PORT, 7420)')
    .option('--data-dir <folder>', DATA_DIR_HELP)
    .option('--role <role>', 'all, api or runner (KAZI_ROLE, all)')
    .option('--config <file>', CONFIG_HELP)
    .action(act(async () => (await import('./commands/serve.ts')).serve));
};

const addRun = (program: Command, act: Act): void => {
  withServer(program.command('run'))
    .description(
      'run one job: show its progress, save its artifacts; exit code 0 complete, 1 failed, 2 usage, 3 canceled, 4 unreachable',
    )
    .argument('[input]', 'what the job is to do; "-" reads it from standard input')
    .option('--agent <name>', 'agent of the job (KAZI_DEFAULT_AGENT)')
    .option('--session <id>', 'session to go on with')
    .addOption(repeatable('--file <path>', 'put a copy of this file into the workspace first; may be repeated'))
    .option('--script <file>', 'read the input from this file')
    .option('--detach', 'print the id of the job and leave; needs a server that goes on')
    .option('--json', 'print the final state of the job as JSON, and nothing else')
    .action(act(async () => (await import('./commands/run.ts')).run));
};

const addJobs = (program: Command, act: Act): void => {
  const jobs = program.command('jobs').description('list, show, follow and cancel jobs');
  withServer(jobs.command('list'))
    .description('newest jobs first')
    .option('--status <status>', 'only queued, running, complete, failed or canceled ones')
    .option('--session <id>', 'only those of this session')
    .option('--agent <name>', 'only those of this agent')
    .option('--limit <number>', 'at most this many')
    .option('--cursor <cursor>', 'go on after an earlier page')
    .option('--json', JSON_HELP)
    .action(act(async () => (await import('./commands/jobs.ts')).listJobs));
  withServer(jobs.command('get'))
    .description('one job')
    .argument('<job>', 'its id')
    .option('--artifacts', 'save its artifacts below kazi-artifacts/')
    .option('--json', JSON_HELP)
    .action(act(async () => (await import('./commands/jobs.ts')).showJob));
  withServer(jobs.command('cancel'))
    .description('cancel a job')
    .argument('<job>', 'its id')
    .option('--json', JSON_HELP)
    .action(act(async () => (await import('./commands/jobs.ts')).cancelJob));
  withServer(jobs.command('events'))
    .description('what happened in a job')
    .argument('<job>', 'its id')
    .option('--follow', 'go on until the job ends')
    .option('--after <seq>', 'only events after this one')
    .option('--json', 'one JSON object a line')
    .action(act(async () => (await import('./commands/jobs-events.ts')).showEvents));
};

const addKeys = (program: Command, act: Act): void => {
  const keys = program.command('keys').description('API keys of the tenant (needs scope admin)');
  withServer(keys.command('create'))
    .description('make a key; it is printed once')
    .requiredOption('--name <name>', 'what it is for')
    .option('--user <id>', 'its user; that of the calling key when absent')
    .option('--admin', 'add the scope admin')
    .option('--expires <duration>', 'end of its life from now, such as 30d')
    .option('--json', JSON_HELP)
    .action(act(async () => (await import('./commands/keys.ts')).createKey));
  withServer(keys.command('list'))
    .description('all keys, without their text')
    .option('--json', JSON_HELP)
    .action(act(async () => (await import('./commands/keys.ts')).listKeys));
  withServer(keys.command('revoke'))
    .description('end a key for good')
    .argument('<id>', 'id of the key, as listed')
    .option('--json', JSON_HELP)
    .action(act(async () => (await import('./commands/keys.ts')).revokeKey));
};

const addToken = (program: Command, act: Act): void => {
  const token = program
    .command('token')
    .description('session tokens for browsers and other clients that hold no API key');
  withConfig(token.command('mint'))
    .description("sign a token with the server's secret (KAZI_SESSION_SIGNING_SECRET, or the one in the data folder)")
    .addOption(repeatable('--session <id>', 'limit it to this session; may be repeated'))
    .option('--user <id>', 'the user that it speaks for')
    .option('--tenant <id>', 'the tenant that it speaks for')
    .option('--ttl <duration>', 'its life from now, such as 15m', '1h')
    .option('--json', JSON_HELP)
    .action(act(async () => (await import('./commands/token.ts')).mintToken));
};

const addDoctor = (program: Command, act: Act): void => {
  withConfig(program.command('doctor'))
    .description('say what this machine and this configuration offer; exit code 0 when "serve" would work')
    .option('--json', JSON_HELP)
    .action(act(async () => (await import('./commands/doctor.ts')).doctor));
};

const withConfig = (command: Command): Command =>
  command.option('--data-dir <folder>', DATA_DIR_HELP).option('--config <file>', CONFIG_HELP);

const withServer = (command: Command): Command => withConfig(command.option('--url <url>', URL_HELP));

const repeatable = (flags: string, description: string): Option =>
  new Option(flags, description).argParser((value: string, earlier: readonly string[] | undefined) => [
    ...(earlier ?? []),
    value,
  ]);

/** "error: unknown option '--prot'\n(Did you mean --port?)" as one line that says who speaks. */
const toOneLine = (text: string): string =>
  `kazi: ${text
    .trim()
    .replace(/^error: /, '')
    .replaceAll('\n', ' ')}\n`;

const readVersion = (): string => {
  const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return z.object({ version: z.string() }).parse(JSON.parse(manifest)).version;
};
