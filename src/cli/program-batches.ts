import type { Command } from 'commander';
import type { Act } from './act.ts';

const JSON_HELP = 'print JSON only';

/** `kazi batches …`; `withServer` adds the options that every client command has. */
export const addBatches = (program: Command, act: Act, withServer: (command: Command) => Command): void => {
  const batches = program.command('batches').description('hand in, list, show and cancel batches of requests');
  withServer(batches.command('create'))
    .description('hand in a batch and print its id')
    .requiredOption('--file <path>', 'JSON with "requests", or one request a line; "-" reads standard input')
    .option('--callback <url>', 'address to call when it has ended')
    .option('--json', JSON_HELP)
    .action(act(async () => (await import('./commands/batches-create.ts')).createBatch));
  withServer(batches.command('list'))
    .description('newest batches first')
    .option('--limit <number>', 'at most this many')
    .option('--after <batch>', 'go on after this one')
    .option('--json', JSON_HELP)
    .action(act(async () => (await import('./commands/batches.ts')).listBatches));
  withServer(batches.command('get'))
    .description('one batch with its counts')
    .argument('<batch>', 'its id')
    .option('--json', JSON_HELP)
    .action(act(async () => (await import('./commands/batches.ts')).showBatch));
  withServer(batches.command('items'))
    .description('how each item of a batch did')
    .argument('<batch>', 'its id')
    .option('--limit <number>', 'at most this many')
    .option('--after <run>', 'go on after this one')
    .option('--jsonl', 'all of them, one JSON object a line')
    .option('--json', JSON_HELP)
    .action(act(async () => (await import('./commands/batches-items.ts')).listItems));
  withServer(batches.command('cancel'))
    .description('cancel what a batch has not finished')
    .argument('<batch>', 'its id')
    .option('--json', JSON_HELP)
    .action(act(async () => (await import('./commands/batches.ts')).cancelBatch));
};
