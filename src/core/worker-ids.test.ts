import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { newUlid } from './ulid.ts';
import { isWorkerId, newWorkerId, parseWorkerId } from './worker-id.ts';
import { parseWorkerScheduleId, toWorkerScheduleId } from './worker-schedule-id.ts';

test('the id of a schedule comes back from the letters of a ULID', () => {
  fc.assert(
    fc.property(fc.uuid(), (id) => {
      assert.match(toWorkerScheduleId(id), /^sch_[0-7][0-9A-HJKMNP-TV-Z]{25}$/);
      assert.equal(parseWorkerScheduleId(toWorkerScheduleId(id)), id);
    }),
  );
  for (const text of ['', 'sch_', 'sch_x', `sch_${'8'.repeat(26)}`, crypto.randomUUID()]) {
    assert.throws(() => parseWorkerScheduleId(text), { code: 'SCHEDULE_NOT_FOUND' });
  }
});

test('ULIDs sort by their time, and the id of a worker holds its tenant', () => {
  const times = [0, 1, 1_700_000_000_000, 1_700_000_000_001, 2 ** 48 - 1];
  const ids = times.map((ms) => newUlid(ms));
  assert.deepEqual(ids.toSorted(), ids);
  for (const id of ids) assert.match(id, /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/);
  assert.match(newWorkerId('a.b:c@d-e_f'), /^t_a\.b:c@d-e_f_w_[0-9A-Z]{26}$/);
  for (const tenant of ['', 'ü', 'x'.repeat(65), 'a/b']) {
    assert.throws(() => newWorkerId(tenant), { code: 'INVALID_REQUEST' });
  }
  for (const text of ['', 't_x', `${newWorkerId('t')}x`, newWorkerId('t').toLowerCase()]) {
    assert.equal(isWorkerId(text), false);
    assert.throws(() => parseWorkerId(text), { code: 'INVALID_WORKER_ID' });
  }
});
