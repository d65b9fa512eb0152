import type { Command } from 'commander';
import type { Act } from './act.ts';
import { addWorkerMail } from './program-mail.ts';

const JSON_HELP = 'print JSON only';

/** `kazi workers …`; `withServer` adds the options that every client command has. */
export const addWorkers = (program: Command, act: Act, withServer: (command: Command) => Command): void => {
  const workers = program.command('workers').description('workers: conversations with an agent and its files');
  const INPUT_HELP = 'the instruction; "-" reads it from standard input';
  const BUDGET_HELP = 'what the turn may take: low, standard, high or unlimited (standard)';
  withServer(workers.command('create'))
    .description('make a worker with its first instruction; prints its id')
    .argument('<input>', INPUT_HELP)
    .option('--budget <level>', BUDGET_HELP)
    .option('--json', JSON_HELP)
    .action(act(async () => (await import('./commands/workers-turn.ts')).createWorker));
  withServer(workers.command('continue'))
    .description('give a worker another instruction; prints the id of its job')
    .argument('<worker>', 'its id')
    .argument('<input>', INPUT_HELP)
    .option('--budget <level>', BUDGET_HELP)
    .option('--json', JSON_HELP)
    .action(act(async () => (await import('./commands/workers-turn.ts')).continueWorker));
  withServer(workers.command('watch'))
    .description('show what a worker says and does until it is idle; exit code as that of "run"')
    .argument('<worker>', 'its id')
    .option('--json', 'one part of the UI message stream a line')
    .action(act(async () => (await import('./commands/workers-watch.ts')).watchWorker));
  withServer(workers.command('files'))
    .description('list the files of a worker, or write one to standard output')
    .argument('<worker>', 'its id')
    .argument('[path]', 'the file')
    .option('--json', JSON_HELP)
    .action(act(async () => (await import('./commands/workers.ts')).workerFiles));
  addWorkerMail(workers, act, withServer);
  withServer(workers.command('list'))
    .description('workers among the newest sessions')
    .option('--limit <number>', 'look at this many sessions (20)')
    .option('--cursor <cursor>', 'go on after an earlier page')
    .option('--json', JSON_HELP)
    .action(act(async () => (await import('./commands/workers.ts')).listWorkers));
  withServer(workers.command('get'))
    .description('one worker')
    .argument('<worker>', 'its id')
    .option('--json', JSON_HELP)
    .action(act(async () => (await import('./commands/workers.ts')).showWorker));
  withServer(workers.command('cancel'))
    .description('cancel what a worker does, and what waits')
    .argument('<worker>', 'its id')
    .option('--json', JSON_HELP)
    .action(act(async () => (await import('./commands/workers-end.ts')).cancelWorker));
  withServer(workers.command('delete'))
    .description('delete a worker; its jobs stay readable')
    .argument('<worker>', 'its id')
    .option('--json', JSON_HELP)
    .action(act(async () => (await import('./commands/workers-end.ts')).deleteWorker));
};
