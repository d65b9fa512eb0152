import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isKaziError } from '../../src/core/errors.ts';
import { chooseSandboxProvider } from '../../src/sandboxes/choose-provider.ts';
import { findSkipReason, silentLogger } from './support.ts';

const missingBubblewrap = await findSkipReason('bubblewrap');

describe('the choice of a sandbox provider', () => {
  test('falls on the best that works here, and says why nothing better', async () => {
    const choice = await chooseSandboxProvider({ name: null, logger: silentLogger });
    await choice.provider.stop();
    assert.equal(choice.provider.name, missingBubblewrap === false ? 'bubblewrap' : 'just-bash');
    assert.equal(choice.isBest, missingBubblewrap === false);
    assert.equal(choice.reason.includes('bubblewrap is not available: '), missingBubblewrap !== false);
  });

  test('is bound by a name: that provider or an error, never a step down', async () => {
    const choosing = chooseSandboxProvider({ name: 'bubblewrap', logger: silentLogger });
    if (missingBubblewrap !== false) {
      await assert.rejects(choosing, (error) => isKaziError(error, 'SANDBOX_UNAVAILABLE'));
      return;
    }
    const { provider } = await choosing;
    await provider.stop();
    assert.equal(provider.name, 'bubblewrap');
  });

  test('falls on the emulation when that is named', async () => {
    const choice = await chooseSandboxProvider({ name: 'just-bash', logger: silentLogger });
    await choice.provider.stop();
    assert.equal(choice.provider.name, 'just-bash');
    assert.equal(choice.provider.fidelity, 'emulated');
  });
});
