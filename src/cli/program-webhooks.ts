import type { Command, Option } from 'commander';
import type { Act } from './act.ts';
import type { WebhooksOptions } from './commands/webhook-endpoints.ts';

/** What program.ts gives its parts. */
export interface ProgramParts {
  readonly act: Act;
  readonly withServer: (command: Command) => Command;
  readonly withConfig: (command: Command) => Command;
  readonly repeatable: (flags: string, description: string) => Option;
}

const JSON_HELP = 'print JSON only';

/** `kazi webhooks`: endpoints, deliveries, replay. */
export const addWebhooks = (program: Command, parts: ProgramParts): void => {
  const webhooks = program
    .command('webhooks')
    .description('who is told of jobs, and what was sent (needs scope admin)');
  addEndpoints(webhooks, parts);
  addEndpointChanges(webhooks, parts);
  addDeliveries(webhooks, parts);
};

const addEndpoints = (webhooks: Command, { act, withServer, repeatable }: ProgramParts): void => {
  withServer(webhooks.command('list'))
    .description('endpoints of the tenant')
    .option('--json', JSON_HELP)
    .action(act(async () => (await import('./commands/webhook-endpoints.ts')).listEndpoints));
  const describe = (command: Command): Command =>
    withServer(command)
      .option('--name <name>', 'what it is called')
      .option('--events <types>', 'only these, joined with commas, such as job.failed; or all')
      .option('--secret-ref <name>', 'sign with this secret of the vault (kazi secrets)')
      .addOption(repeatable('--header <text>', 'send this header, "Name: value"; may be repeated'))
      .option('--timeout <duration>', 'longest wait for an answer, at most 60s (10s)')
      .option('--attempts <number>', 'most attempts of a delivery, at most 12 (8)')
      .option('--json', JSON_HELP);
  describe(webhooks.command('create'))
    .description('add an endpoint; a signing secret that is made for it is printed once')
    .argument('<webhook-url>', 'where to send')
    .option('--session <id>', 'only jobs of this session')
    .action(act(async () => (await import('./commands/webhook-endpoints.ts')).createEndpoint));
  describe(webhooks.command('change'))
    .description('change an endpoint; what is not named stays')
    .argument('<endpoint>', 'its id, as listed')
    .option('--webhook-url <url>', 'where to send')
    .action(act(async () => (await import('./commands/webhook-endpoints.ts')).changeEndpoint));
};

const addEndpointChanges = (webhooks: Command, { act, withServer }: ProgramParts): void => {
  for (const verb of ['enable', 'disable'] as const) {
    withServer(webhooks.command(verb))
      .description(verb === 'enable' ? 'put an endpoint into use again' : 'take an endpoint out of use')
      .argument('<endpoint>', 'its id, as listed')
      .option('--json', JSON_HELP)
      .action(
        act(async () => {
          const { switchEndpoint } = await import('./commands/webhook-endpoint-changes.ts');
          return async (id: string, options: WebhooksOptions) => await switchEndpoint(verb === 'enable', id, options);
        }),
      );
  }
  withServer(webhooks.command('delete'))
    .description('delete an endpoint; its log stays')
    .argument('<endpoint>', 'its id, as listed')
    .option('--json', JSON_HELP)
    .action(act(async () => (await import('./commands/webhook-endpoint-changes.ts')).deleteEndpoint));
  withServer(webhooks.command('rotate-secret'))
    .description('give an endpoint a new signing secret; both sign for a while')
    .argument('<endpoint>', 'its id, as listed')
    .option('--secret-file <file>', 'read the new secret from this file; one is made when absent')
    .option('--keep-previous <duration>', 'how long the old one signs too (1d)')
    .option('--json', JSON_HELP)
    .action(act(async () => (await import('./commands/webhook-endpoint-changes.ts')).rotateSecret));
  withServer(webhooks.command('test'))
    .description('send a test event to an endpoint')
    .argument('<endpoint>', 'its id, as listed')
    .option('--json', JSON_HELP)
    .action(act(async () => (await import('./commands/webhook-replays.ts')).testEndpoint));
};

const addDeliveries = (webhooks: Command, { act, withServer }: ProgramParts): void => {
  withServer(webhooks.command('deliveries'))
    .description('what was sent and what waits, newest first')
    .option('--state <state>', 'only pending, delivered or failed ones')
    .option('--endpoint <id>', 'only those to this endpoint')
    .option('--job <id>', 'only those of this job')
    .option('--event <type>', 'only those of this type')
    .option('--since <duration>', 'only those of the last 15m, 12h, 30d')
    .option('--limit <number>', 'at most this many')
    .option('--cursor <cursor>', 'go on after an earlier page')
    .option('--json', JSON_HELP)
    .action(act(async () => (await import('./commands/webhook-deliveries.ts')).listDeliveries));
  withServer(webhooks.command('show'))
    .description('one delivery with its attempts')
    .argument('<delivery>', 'its id, as listed')
    .option('--json', JSON_HELP)
    .action(act(async () => (await import('./commands/webhook-deliveries.ts')).showDelivery));
  withServer(webhooks.command('replay'))
    .description('send a delivery again, under its old id')
    .argument('<delivery>', 'its id, as listed')
    .option('--json', JSON_HELP)
    .action(act(async () => (await import('./commands/webhook-replays.ts')).replayDelivery));
  withServer(webhooks.command('replay-failed'))
    .description('send again all that failed in a time')
    .requiredOption('--since <duration>', 'the last 15m, 12h, 30d')
    .option('--endpoint <id>', 'only to this endpoint')
    .option('--json', JSON_HELP)
    .action(act(async () => (await import('./commands/webhook-replays.ts')).replayFailed));
};

/** `kazi secrets`: the vault. */
export const addSecrets = (program: Command, { act, withServer, withConfig }: ProgramParts): void => {
  const secrets = program.command('secrets').description('the vault of the tenant: values go in and never come out');
  withServer(secrets.command('set'))
    .description('store a secret, read from standard input (needs scope admin)')
    .argument('<name>', 'its name')
    .option('--file <file>', 'read it from this file')
    .option('--keep-previous <duration>', 'how long the value before counts too, such as 1d')
    .option('--json', JSON_HELP)
    .action(act(async () => (await import('./commands/secrets.ts')).setSecret));
  withServer(secrets.command('list'))
    .description('names, and when they were set and used')
    .option('--json', JSON_HELP)
    .action(act(async () => (await import('./commands/secrets.ts')).listSecrets));
  withServer(secrets.command('delete'))
    .description('delete a secret for good')
    .argument('<name>', 'its name')
    .option('--json', JSON_HELP)
    .action(act(async () => (await import('./commands/secrets.ts')).deleteSecret));
  withConfig(secrets.command('rotate-key'))
    .description('operator: seal everything with a new key; stop the server first (docs/secrets.md)')
    .option('--json', JSON_HELP)
    .action(act(async () => (await import('./commands/secrets-rotate-key.ts')).rotateKey));
};
