import { ApiClient } from '../client.ts';
import { connect } from '../connection.ts';
import { secondsAgo } from '../duration.ts';
import { EXIT_CODES } from '../exit-code.ts';
import { writeJson } from '../table.ts';
import { outputOf } from '../terminal.ts';
import { webhookAnswers } from '../wire-webhooks.ts';
import type { WebhooksOptions } from './webhook-endpoints.ts';

export interface ReplayFailedOptions extends WebhooksOptions {
  readonly since: string;
  readonly endpoint?: string;
}

/** Sends one delivery again. */
export const replayDelivery = async (id: string, options: WebhooksOptions): Promise<number> =>
  await sendDelivery(`/webhooks/deliveries/${encodeURIComponent(id)}/replay`, options);

/** Sends a test event to an endpoint. */
export const testEndpoint = async (id: string, options: WebhooksOptions): Promise<number> =>
  await sendDelivery(`/webhooks/endpoints/${encodeURIComponent(id)}/test`, options);

/** Sends again what failed since a time. */
export const replayFailed = async (options: ReplayFailedOptions): Promise<number> => {
  const body = { since: secondsAgo(options.since), endpoint_id: options.endpoint };
  const client = new ApiClient(await connect(options));
  const path = '/webhooks/deliveries/replay-failed';
  const answer = await client.request(webhookAnswers.replayed, { method: 'POST', path, body });
  const output = outputOf(process.stdout);
  if (options.json === true) writeJson(output, answer);
  else output.write(`${answer.replayed} deliveries are sent again\n`);
  return EXIT_CODES.ok;
};

const sendDelivery = async (path: string, options: WebhooksOptions): Promise<number> => {
  const client = new ApiClient(await connect(options));
  const answer = await client.request(webhookAnswers.delivery, { method: 'POST', path });
  const output = outputOf(process.stdout);
  if (options.json === true) writeJson(output, answer);
  else output.write(`${answer.delivery.id} is sent\n`);
  return EXIT_CODES.ok;
};
