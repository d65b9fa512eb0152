import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { chooseUserRange, userOfIdentity } from './sandbox-user.ts';

describe('the uid of a session', () => {
  test('comes from above all known ranges on an ordinary machine', () => {
    assert.equal(chooseUserRange('         0          0 4294967295\n')?.first, 1_879_048_192);
  });

  test('comes from the upper half of a container with 65,536 uids', () => {
    assert.equal(chooseUserRange('0 100000 65536')?.first, 30_000);
  });

  test('has no range where only root itself is mapped', () => {
    assert.equal(chooseUserRange('0 1000 1'), null);
  });

  test('stays inside its range and differs for any two neighbours', () => {
    const range = { first: 30_000, count: 30_000 };
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 62n), max: 2n ** 62n }), (identity) => {
        const { uid, gid } = userOfIdentity(identity, range);
        assert.ok(uid >= 30_000 && uid < 60_000 && uid === gid);
        assert.notEqual(uid, userOfIdentity(identity + 1n, range).uid);
      }),
    );
  });
});
