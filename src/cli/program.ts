import { readFileSync } from 'node:fs';
import { Command, Option } from 'commander';
import { z } from 'zod';
import type { Act } from './act.ts';
import type { ApprovalsOptions } from './commands/approvals.ts';
import { addBatches } from './program-batches.ts';
import { addMail } from './program-mail.ts';
import { addSchedules } from './program-schedules.ts';
import { addSessions } from './program-sessions.ts';
import { addSecrets, addWebhooks } from './program-webhooks.ts';
import { addWorkers } from './program-workers.ts';

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
  addWorkers(program, act, withServer);
  addMail(program, act, withServer);
  addBatches(program, act, withServer);
  addKeys(program, act);
  addAgents(program, act);
  addUsage(program, act);
  addBudgets(program, act);
  addApprovals(program, act);
  addWebhooks(program, { act, withServer, withConfig, repeatable });
  addSecrets(program, { act, withServer, withConfig, repeatable });
  addSessions(program, act, withServer);
  addSchedules(program, act, withServer);
  addToken(program, act);
  addDoctor(program, act);
  addFakeModel(program, act);
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
    .option('--budget <level>', 'what the job may take: low, standard, high or unlimited')
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
    .addOption(repeatable('--scope <scope>', 'user, read, submit or admin; may be repeated (user)'))
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

const addAgents = (program: Command, act: Act): void => {
  const agents = program
    .command('agents')
    .description('named configurations that jobs run with (changes need scope admin)');
  withServer(agents.command('list'))
    .description('what jobs may name, built-in ones included')
    .option('--json', JSON_HELP)
    .action(act(async () => (await import('./commands/agents.ts')).listAgents));
  withServer(agents.command('get'))
    .description('one agent, as "create --file" takes it; secrets are masked')
    .argument('<name>', 'its name')
    .option('--agent-version <number>', 'this version instead of the newest')
    .option('--json', JSON_HELP)
    .action(act(async () => (await import('./commands/agents.ts')).showAgent));
  withServer(agents.command('create'))
    .description('make an agent, or a new version of it; options go before what the file says')
    .option('--file <file>', 'JSON as POST /agents takes it (docs/agents.md); "-" reads standard input')
    .option('--name <name>', 'its name')
    .option('--description <text>', 'what it is for')
    .option('--runtime <runtime>', 'llm, shell or echo (llm)')
    .option('--model <model>', 'provider/model (KAZI_MODEL)')
    .option('--model-calls <how>', 'direct, or batch: at half the price, within a day (direct)')
    .option('--instructions <text>', 'what the model is told; @FILE reads a file')
    .option('--tools <names>', 'only these built-in tools, such as read,search; "" for none')
    .option('--budget <level>', 'low, standard, high or unlimited')
    .option('--max-running <number>', 'jobs of it that may run at once')
    .option('--json', JSON_HELP)
    .action(act(async () => (await import('./commands/agents-change.ts')).createAgent));
  withServer(agents.command('versions'))
    .description('versions of an agent, newest first')
    .argument('<name>', 'its name')
    .option('--json', JSON_HELP)
    .action(act(async () => (await import('./commands/agents.ts')).listVersions));
  withServer(agents.command('retire'))
    .description('keep new jobs from an agent; accepted ones still run')
    .argument('<name>', 'its name')
    .option('--json', JSON_HELP)
    .action(act(async () => (await import('./commands/agents-change.ts')).retireAgent));
};

const addUsage = (program: Command, act: Act): void => {
  withServer(program.command('usage'))
    .description('what model calls took and cost, of the last 30 days by day when nothing else is said')
    .option('--from <time>', 'from this time on: RFC 3339 or Unix seconds')
    .option('--to <time>', 'before this time')
    .option('--group-by <names>', 'one or more of day,model,agent,user,session,api_key,job,root_job,tenant')
    .option('--tz <zone>', 'time zone of the days, such as Europe/Paris (UTC)')
    .option('--limit <number>', 'at most this many groups')
    .option('--cursor <cursor>', 'go on after an earlier page')
    .option('--csv', 'print CSV')
    .option('--json', JSON_HELP)
    .action(act(async () => (await import('./commands/usage.ts')).showUsage));
};

const addBudgets = (program: Command, act: Act): void => {
  const budgets = program.command('budgets').description('what may be spent on models (needs scope admin)');
  withServer(budgets.command('list'))
    .description('the tenant, the default of its sessions, and keys and sessions with limits or spending')
    .option('--kind <kind>', 'only tenant, session_default, api_key or session')
    .option('--limit <number>', 'at most this many')
    .option('--cursor <cursor>', 'go on after an earlier page')
    .option('--json', JSON_HELP)
    .action(act(async () => (await import('./commands/budgets.ts')).listBudgets));
  withServer(budgets.command('set'))
    .description('set limits; one that is not named stays as it is')
    .argument('<kind>', 'tenant, session_default, session or api_key')
    .argument('[id]', 'id of the session or API key')
    .option('--max-cost <dollars>', 'most to spend in its life; "unlimited", or "default"')
    .option('--max-requests <number>', 'most requests of a session in its life; "unlimited", or "default"')
    .option('--json', JSON_HELP)
    .action(act(async () => (await import('./commands/budgets.ts')).setBudget));
};

const addApprovals = (program: Command, act: Act): void => {
  const approvals = program.command('approvals').description('what jobs ask before they go on: list, show and decide');
  withServer(approvals.command('list'))
    .description('what waits for a decision, newest first')
    .option('--state <states>', 'pending, allowed, denied, expired, canceled or all (pending)')
    .option('--session <id>', 'only those of this session')
    .option('--job <id>', 'only those of this job')
    .option('--limit <number>', 'at most this many')
    .option('--cursor <cursor>', 'go on after an earlier page')
    .option('--json', JSON_HELP)
    .action(act(async () => (await import('./commands/approvals.ts')).listApprovals));
  withServer(approvals.command('show'))
    .description('one request, with what the tool would be called with')
    .argument('<id>', 'its id, as listed')
    .option('--json', JSON_HELP)
    .action(act(async () => (await import('./commands/approvals.ts')).showApproval));
  for (const decision of ['allow', 'deny'] as const) {
    withServer(approvals.command(decision))
      .description(`${decision} a request; its job goes on at once`)
      .argument('<id>', 'its id, as listed')
      .option('--message <text>', 'what the job is told beside the decision')
      .option('--json', JSON_HELP)
      .action(
        act(async () => {
          const { decideApproval } = await import('./commands/approvals.ts');
          return async (id: string, options: ApprovalsOptions) => await decideApproval(decision, id, options);
        }),
      );
  }
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
    .option('--secret-file <file>', 'sign with the secret in this file')
    .option('--secret-env <name>', 'sign with the secret in this environment variable')
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

const addFakeModel = (program: Command, act: Act): void => {
  program
    .command('fake-model')
    .description(
      'serve scripted answers over the protocols of OpenAI and Anthropic; prints "fake model ready http://HOST:PORT"',
    )
    .requiredOption('--script <file>', 'what the model says (JSON; docs/fake-model.md)')
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option('--port <number>', 'port to listen on, 0 for any free one', '0')
    .option('--log <file>', 'add one JSON line to this file for every request that has ended')
    .action(act(async () => (await import('./commands/fake-model.ts')).fakeModel));
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
