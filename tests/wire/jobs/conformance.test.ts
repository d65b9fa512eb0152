import { describe } from 'node:test';
import { findCarefulTarget, findTarget } from './find-target.ts';
import { defineArtifactChecks } from './suite-artifacts.ts';
import { defineCredentialChecks } from './suite-credentials.ts';
import { defineForkChecks } from './suite-fork.ts';
import { defineHttpChecks } from './suite-http.ts';
import { defineJobChecks } from './suite-jobs.ts';
import { defineQueryChecks } from './suite-query.ts';
import { defineQueueChecks } from './suite-queue.ts';
import { defineRateLimitChecks } from './suite-rate-limit.ts';
import { defineScheduleChecks } from './suite-schedules.ts';
import { defineSessionChecks } from './suite-sessions.ts';
import { defineSocketChecks } from './suite-sockets.ts';
import { defineStopChecks } from './suite-stop.ts';
import { defineRefusedWebhookChecks, defineWebhookChecks } from './suite-webhooks.ts';

const target = await findTarget();
const careful = await findCarefulTarget(target);

describe('conformance of the jobs API', () => {
  defineHttpChecks(target);
  defineCredentialChecks(target);
  defineJobChecks(target);
  defineArtifactChecks(target);
  defineSessionChecks(target);
  defineQueryChecks(target);
  defineQueueChecks(target);
  defineStopChecks(target);
  defineForkChecks(target);
  defineRateLimitChecks(target);
  defineSocketChecks(target);
  defineWebhookChecks(target);
});

describe('conformance of the jobs API where webhooks stay out of private networks', () => {
  defineRefusedWebhookChecks(careful);
  defineScheduleChecks(target);
});
