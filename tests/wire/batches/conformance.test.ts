import { describe } from 'node:test';
import { findTarget } from '../jobs/find-target.ts';
import { defineCreateChecks } from './suite-create.ts';
import { defineLifeChecks } from './suite-life.ts';
import { defineListChecks } from './suite-lists.ts';

const target = await findTarget();

describe('conformance of the batches API', () => {
  defineCreateChecks(target);
  defineLifeChecks(target);
  defineListChecks(target);
});
