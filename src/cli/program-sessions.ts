import { type Command, Option } from 'commander';
import type { Act } from './act.ts';

const JSON_HELP = 'print JSON only';
const ID_HELP = 'its id';
const RULES = ['enqueue', 'reject', 'interrupt', 'steer', 'merge', 'drop'];

/** `kazi sessions …`; `withServer` adds the options that every client command has. */
export const addSessions = (program: Command, act: Act, withServer: (command: Command) => Command): void => {
  const sessions = program.command('sessions').description('conversations: list, read, queue prompts, stop');
  withServer(sessions.command('list'))
    .description('newest first')
    .option('--limit <number>', 'at most this many')
    .option('--cursor <cursor>', 'go on after an earlier page')
    .option('--json', JSON_HELP)
    .action(act(async () => (await import('./commands/sessions.ts')).listSessions));
  withServer(sessions.command('get'))
    .description('what a session is doing')
    .argument('<session>', ID_HELP)
    .option('--json', JSON_HELP)
    .action(act(async () => (await import('./commands/sessions.ts')).showSession));
  withServer(sessions.command('messages'))
    .description('all that was said in it')
    .argument('<session>', ID_HELP)
    .option('--json', JSON_HELP)
    .action(act(async () => (await import('./commands/sessions.ts')).showMessages));
  withServer(sessions.command('queue'))
    .description('the prompts that wait in it')
    .argument('<session>', ID_HELP)
    .option('--json', JSON_HELP)
    .action(act(async () => (await import('./commands/sessions-queue.ts')).showQueue));
  withServer(sessions.command('prompt'))
    .description('queue a prompt; prints the id of its job')
    .argument('<session>', ID_HELP)
    .argument('<input>', 'what the agent is to do')
    .option('--agent <name>', 'agent that runs it')
    .addOption(new Option('--if-busy <rule>', 'what happens while the session works').choices(RULES))
    .option('--json', JSON_HELP)
    .action(act(async () => (await import('./commands/sessions-queue.ts')).queuePrompt));
  withServer(sessions.command('unqueue'))
    .description('take a prompt out of the queue, or all with --all')
    .argument('<session>', ID_HELP)
    .argument('[prompt]', 'its id, as listed')
    .option('--all', 'all that wait')
    .option('--json', JSON_HELP)
    .action(act(async () => (await import('./commands/sessions-queue.ts')).removePrompt));
  withServer(sessions.command('stop'))
    .description('stop the run of a session after its step, or at once with --now')
    .argument('<session>', ID_HELP)
    .option('--now', 'at once')
    .option('--json', JSON_HELP)
    .action(act(async () => (await import('./commands/sessions-stop.ts')).stopSession));
};
