import { type Keyring, openText, sealedPrefix, sealText } from '../core/sealed-text.ts';
import type { Queryable } from '../storage/database.ts';
import { listForeignSealedValues, replaceSealedValue } from '../storage/sealed-values.ts';

const BATCH = 10_000;

/**
 * Seals again with the current key whatever another key of the ring has sealed; gives the number. May run beside servers, and
 * may be run again after a crash. Throws SECRET_UNREADABLE for a value that no key of the ring opens.
 */
export const resealVault = async (db: Queryable, keyring: Keyring): Promise<number> => {
  let resealed = 0;
  for (;;) {
    const values = await listForeignSealedValues(db, sealedPrefix(keyring), BATCH);
    for (const value of values) {
      const text = openText(keyring, value.sealed, value.tenantId);
      await replaceSealedValue(db, value, sealText(keyring, text, value.tenantId));
      resealed += 1;
    }
    if (values.length < BATCH) return resealed;
  }
};
