import { describe } from 'node:test';
import { findTarget } from '../jobs/find-target.ts';
import { defineChangeChecks } from './suite-changes.ts';
import { defineCredentialChecks } from './suite-credentials.ts';
import { defineFileChecks } from './suite-files.ts';
import { defineScheduleChecks } from './suite-schedules.ts';
import { defineStreamChecks } from './suite-streams.ts';
import { defineTurnChecks } from './suite-turns.ts';
import { defineWebhookChecks } from './suite-webhooks.ts';

const target = await findTarget({
  defaultAgent: 'shell',
  allowPrivateWebhooks: false,
  rateLimits: { sessionToken: null, apiKey: null },
});

describe('conformance of the workers API', () => {
  defineCredentialChecks(target);
  defineTurnChecks(target);
  defineStreamChecks(target);
  defineFileChecks(target);
  defineChangeChecks(target);
  defineWebhookChecks(target);
  defineScheduleChecks(target);
});
