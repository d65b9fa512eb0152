import type { Command } from 'commander';
import type { Act } from './act.ts';

const JSON_HELP = 'print JSON only';

/** `kazi mail …`; `withServer` adds the options that every client command has. */
export const addMail = (program: Command, act: Act, withServer: (command: Command) => Command): void => {
  const mail = program
    .command('mail')
    .description('from which addresses users write to their workers (needs scope admin)');
  withServer(mail.command('list'))
    .description('the addresses of all users')
    .option('--json', JSON_HELP)
    .action(act(async () => (await import('./commands/mail.ts')).listAddresses));
  withServer(mail.command('set'))
    .description('replace the addresses of a user; without any, the user may write from nowhere')
    .argument('[address...]', 'such as alice@example.org, or *@example.org for all of a domain')
    .option('--user <id>', 'the user; that of the calling key when absent')
    .option('--userless', 'for the workers that belong to no user')
    .option('--json', JSON_HELP)
    .action(act(async () => (await import('./commands/mail.ts')).setAddresses));
};

/** `kazi workers email` and `kazi workers senders`. */
export const addWorkerMail = (workers: Command, act: Act, withServer: (command: Command) => Command): void => {
  withServer(workers.command('email'))
    .description('the mail address of a worker')
    .argument('<worker>', 'its id')
    .option('--json', JSON_HELP)
    .action(act(async () => (await import('./commands/workers-mail.ts')).workerEmail));
  withServer(workers.command('senders'))
    .description('who may write to a worker; with addresses, these and nobody else')
    .argument('<worker>', 'its id')
    .argument('[address...]', 'such as alice@example.org, or *@example.org for all of a domain')
    .option('--owner', 'the addresses of its owner ("kazi mail"), as at first')
    .option('--none', 'nobody')
    .option('--json', JSON_HELP)
    .action(act(async () => (await import('./commands/workers-mail.ts')).workerSenders));
};
