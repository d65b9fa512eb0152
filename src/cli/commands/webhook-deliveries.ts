import { ApiClient } from '../client.ts';
import { connect } from '../connection.ts';
import { describeDuration, describeTime } from '../describe.ts';
import { secondsAgo } from '../duration.ts';
import { EXIT_CODES } from '../exit-code.ts';
import { writeJson, writeTable } from '../table.ts';
import { harmless, outputOf } from '../terminal.ts';
import { webhookAnswers } from '../wire-webhooks.ts';
import type { WebhooksOptions } from './webhook-endpoints.ts';

export interface DeliveriesOptions extends WebhooksOptions {
  readonly state?: string;
  readonly endpoint?: string;
  readonly job?: string;
  readonly event?: string;
  readonly since?: string;
  readonly limit?: string;
  readonly cursor?: string;
}

const pathOf = (id: string): string => `/webhooks/deliveries/${encodeURIComponent(id)}`;

/** Newest first; one page, with the cursor of the next one on stderr (in `next_cursor` with --json). */
export const listDeliveries = async (options: DeliveriesOptions): Promise<number> => {
  const { state, endpoint: endpoint_id, job: job_id, event, limit, cursor } = options;
  const since = options.since === undefined ? undefined : String(secondsAgo(options.since));
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries({ state, endpoint_id, job_id, event, since, limit, cursor })) {
    if (value !== undefined) query.set(name, value);
  }
  const client = new ApiClient(await connect(options));
  const page = await client.request(webhookAnswers.deliveryList, { path: `/webhooks/deliveries?${query.toString()}` });
  const output = outputOf(process.stdout);
  if (options.json === true) {
    writeJson(output, page);
    return EXIT_CODES.ok;
  }
  const rows = page.deliveries.map((delivery) => [
    delivery.id,
    delivery.event,
    delivery.state,
    String(delivery.attempts),
    describeTime(delivery.next_attempt_at),
    delivery.last_error?.slice(0, 60) ?? String(delivery.last_status ?? '-'),
    delivery.url,
  ]);
  writeTable(output, { titles: ['ID', 'EVENT', 'STATE', 'ATTEMPTS', 'NEXT', 'LAST', 'URL'], rows });
  if (page.next_cursor) outputOf(process.stderr).write(`more: --cursor ${page.next_cursor}\n`);
  return EXIT_CODES.ok;
};

/** One delivery with its attempts. */
export const showDelivery = async (id: string, options: WebhooksOptions): Promise<number> => {
  const client = new ApiClient(await connect(options));
  const answer = await client.request(webhookAnswers.delivery, { path: pathOf(id) });
  const output = outputOf(process.stdout);
  if (options.json === true) {
    writeJson(output, answer);
    return EXIT_CODES.ok;
  }
  const { delivery, attempts = [] } = answer;
  output.write(harmless(`${delivery.id} ${delivery.event} ${delivery.state} ${delivery.url}`) + '\n');
  const rows = attempts.map((attempt) => [
    String(attempt.number),
    describeTime(attempt.started_at),
    describeDuration(attempt.duration_ms),
    String(attempt.status ?? '-'),
    attempt.error ?? '',
  ]);
  writeTable(output, { titles: ['ATTEMPT', 'AT', 'TOOK', 'STATUS', 'ERROR'], rows });
  return EXIT_CODES.ok;
};
