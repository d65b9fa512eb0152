import { describe } from 'node:test';
import { findCarefulTarget, findTarget } from '../jobs/find-target.ts';
import { defineCallbackChecks, defineRefusedCallbackChecks } from './suite-callback.ts';
import { defineCreateChecks } from './suite-create.ts';
import { defineLifeChecks } from './suite-life.ts';
import { defineListChecks } from './suite-lists.ts';

const target = await findTarget();
const careful = await findCarefulTarget(target);

describe('conformance of the batches API', () => {
  defineCreateChecks(target);
  defineLifeChecks(target);
  defineListChecks(target);
  defineCallbackChecks(target);
});

describe('conformance of the batches API where callbacks stay out of private networks', () => {
  defineRefusedCallbackChecks(careful);
});
