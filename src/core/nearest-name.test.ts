import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nearestName } from './nearest-name.ts';

const known = ['KAZI_PORT', 'KAZI_HOST', 'KAZI_DATA_DIR', 'KAZI_LOG_LEVEL'];

test('a missing, extra, wrong or swapped character still finds the name', () => {
  for (const found of ['KAZI_PRT', 'KAZI_PORTT', 'KAZI_PART', 'KAZI_PROT', 'kazi_port']) {
    assert.equal(nearestName(found, known), 'KAZI_PORT');
  }
});

test('a wrong word separator still finds the name', () => {
  assert.equal(nearestName('KAZI_LOGLEVEL', known), 'KAZI_LOG_LEVEL');
});

test('a name unlike all others gets no hint', () => {
  assert.equal(nearestName('KAZI_TELEMETRY', known), null);
  assert.equal(nearestName('anything', []), null);
});
