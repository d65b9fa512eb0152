import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { isKaziError } from './errors.ts';
import { type Keyring, openText, sealedPrefix, sealText } from './sealed-text.ts';

const newRing = (...previous: readonly Buffer[]): Keyring => ({ current: randomBytes(32), previous });
const isUnreadable = (error: unknown): boolean => isKaziError(error, 'SECRET_UNREADABLE');

describe('a sealed text', () => {
  test('opens to what was sealed, and never shows it', () => {
    const ring = newRing();
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 8 }), fc.string(), (text, owner) => {
        const sealed = sealText(ring, text, owner);
        assert.equal(openText(ring, sealed, owner), text.toWellFormed());
        assert.ok(!sealed.includes(text) && sealed.startsWith(sealedPrefix(ring)));
      }),
    );
  });

  test('is new each time', () => {
    const ring = newRing();
    assert.notEqual(sealText(ring, 'x', 't'), sealText(ring, 'x', 't'));
  });

  test('opens after a rotation by the key before, and not once that is gone', () => {
    const before = newRing();
    const sealed = sealText(before, 'value', 'tenant');
    const after = newRing(before.current);
    assert.equal(openText(after, sealed, 'tenant'), 'value');
    assert.ok(!sealed.startsWith(sealedPrefix(after)));
    assert.throws(() => openText({ ...after, previous: [] }, sealed, 'tenant'), isUnreadable);
  });

  test('does not open for another owner, or when a single character of it was changed', () => {
    const ring = newRing();
    const sealed = sealText(ring, 'value', 'tenant');
    assert.throws(() => openText(ring, sealed, 'other'), isUnreadable);
    for (let place = 0; place < sealed.length; place += 1) {
      const changed = `${sealed.slice(0, place)}${sealed[place] === 'A' ? 'B' : 'A'}${sealed.slice(place + 1)}`;
      assert.throws(() => openText(ring, changed, 'tenant'), isUnreadable, String(place));
    }
    for (const text of ['', 'v1..', 'v1.00000000.', sealed.slice(0, 20)]) {
      assert.throws(() => openText(ring, text, 'tenant'), isUnreadable, text);
    }
  });

  test('says in its error which key is missing, and nothing of the content', () => {
    const sealed = sealText(newRing(), 'a very secret value', 'tenant');
    assert.throws(
      () => openText(newRing(), sealed, 'tenant'),
      (error: Error) => error.message.includes(sealed.slice(3, 11)) && !error.message.includes('a very secret'),
    );
  });
});
