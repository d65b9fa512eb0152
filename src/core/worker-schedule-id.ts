import { KaziError } from './errors.ts';
import { ULID_ALPHABET } from './ulid.ts';

const SHAPE = /^sch_([0-7][0-9A-HJKMNP-TV-Z]{25})$/;
const UUID_PARTS = /^(.{8})(.{4})(.{4})(.{4})(.{12})$/;

/** The id of a schedule as the workers API writes it: the same 128 bits in the letters of a ULID. */
export const toWorkerScheduleId = (scheduleId: string): string => {
  let rest = BigInt(`0x${scheduleId.replaceAll('-', '')}`);
  let text = '';
  for (let place = 0; place < 26; place += 1) {
    text = (ULID_ALPHABET[Number(rest % 32n)] ?? '') + text;
    rest /= 32n;
  }
  return `sch_${text}`;
};

/** The id of the schedule that is meant. Throws SCHEDULE_NOT_FOUND for what is no id: nothing has it. */
export const parseWorkerScheduleId = (text: string): string => {
  const letters = SHAPE.exec(text)?.[1];
  if (letters === undefined) throw new KaziError('SCHEDULE_NOT_FOUND');
  const value = Array.from(letters).reduce((sum, letter) => sum * 32n + BigInt(ULID_ALPHABET.indexOf(letter)), 0n);
  return value.toString(16).padStart(32, '0').replace(UUID_PARTS, '$1-$2-$3-$4-$5');
};
