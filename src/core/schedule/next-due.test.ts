import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { parseCron } from './cron.ts';
import { nextDue, openRule } from './next-due.ts';
import { openZone } from './zone.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

/** Zones with all that clocks do: half hours, changes at midnight, by half an hour, of a whole day, south and north, none. */
const ZONES = [
  ...['UTC', 'Europe/Berlin', 'America/New_York', 'America/Sao_Paulo', 'Asia/Kolkata', 'Australia/Lord_Howe'],
  ...['Pacific/Apia', 'America/Havana', 'Africa/Casablanca', 'Asia/Kathmandu', 'Pacific/Chatham', 'America/St_Johns'],
  ...['Asia/Beirut', 'Africa/Cairo', 'Europe/Dublin', 'Antarctica/Troll', 'America/Asuncion', 'Asia/Tehran'],
];

/** The wall clock by another way than core/schedule/zone.ts: field by field. */
const wallReader = (zone: string): ((instantMs: number) => number) => {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  });
  return (instantMs) => {
    const parts = new Map(format.formatToParts(instantMs).map(({ type, value }) => [type, Number(value)]));
    const of = (type: Intl.DateTimeFormatPartTypes): number => parts.get(type) ?? 0;
    return Date.UTC(of('year'), of('month') - 1, of('day'), of('hour'), of('minute'), of('second'));
  };
};

type Field = readonly number[] | null;
interface Pattern {
  readonly minute: Field;
  readonly hour: Field;
  readonly day: Field;
  readonly month: Field;
  readonly weekday: Field;
}

const field = (min: number, max: number, nullWeight: number): fc.Arbitrary<Field> =>
  fc.oneof(
    { weight: nullWeight, arbitrary: fc.constant(null) },
    { weight: 1, arbitrary: fc.uniqueArray(fc.integer({ min, max }), { minLength: 1, maxLength: 4 }) },
  );
const patterns = fc.record({
  minute: field(0, 59, 1),
  hour: field(0, 5, 1),
  day: field(1, 31, 3),
  month: field(1, 12, 4),
  weekday: field(0, 7, 3),
});
const toCron = ({ minute, hour, day, month, weekday }: Pattern): string =>
  [minute, hour, day, month, weekday].map((values) => values?.join(',') ?? '*').join(' ');

/** Whether a pattern holds for a minute of the wall, said anew: a day matches by either of its fields when both are named. */
const matches = (pattern: Pattern, wallMs: number): boolean => {
  const wall = new Date(wallMs);
  const fits = (values: Field, value: number): boolean => values === null || values.includes(value);
  const isDay = fits(pattern.day, wall.getUTCDate());
  const weekday = wall.getUTCDay();
  const isWeekday = fits(pattern.weekday, weekday) || (weekday === 0 && fits(pattern.weekday, 7));
  const isEither = pattern.day !== null && pattern.weekday !== null;
  return (
    fits(pattern.minute, wall.getUTCMinutes()) &&
    fits(pattern.hour, wall.getUTCHours()) &&
    fits(pattern.month, wall.getUTCMonth() + 1) &&
    (isEither ? isDay || isWeekday : isDay && isWeekday)
  );
};

/** Walks minute by minute of real time: a minute that the clock shows for the first time, or that it has jumped over. */
const walk = (pattern: Pattern, zone: string, fromMs: number, toMs: number): number[] => {
  const wallAt = wallReader(zone);
  const found: number[] = [];
  let latest = wallAt(fromMs - MINUTE_MS);
  for (let instant = fromMs; instant <= toMs; instant += MINUTE_MS) {
    const wall = wallAt(instant);
    let isDue = false;
    for (let shown = latest + MINUTE_MS; shown <= wall; shown += MINUTE_MS) isDue ||= matches(pattern, shown);
    if (isDue) found.push(instant);
    latest = Math.max(latest, wall);
  }
  return found;
};

/** Days on which the clocks of a zone are changed. */
const changesOf = (zone: string, year: number): number[] => {
  const wallAt = wallReader(zone);
  const days = Array.from({ length: 366 }, (_, day) => Date.UTC(year, 0, 1) + day * DAY_MS);
  return days.filter((day) => wallAt(day + DAY_MS) - wallAt(day) !== DAY_MS);
};

describe('the due times of a cron expression', () => {
  for (const zone of ZONES) {
    test(`are those of a walk minute by minute, around the changes of clocks in ${zone}`, () => {
      fc.assert(
        fc.property(patterns, fc.integer({ min: 2005, max: 2030 }), fc.nat(), (pattern, year, place) => {
          const changes = changesOf(zone, year);
          const day = changes[place % Math.max(1, changes.length)] ?? Date.UTC(year, 0, 1) + (place % 365) * DAY_MS;
          const from = day - DAY_MS;
          const to = day + 2 * DAY_MS;
          // A walk that begins inside a repeated hour would not know what was shown before.
          const expected = walk(pattern, zone, from - DAY_MS, to).filter((instant) => instant > from);
          const times = openRule({ kind: 'cron', cron: toCron(pattern), zone });
          const found: number[] = [];
          for (let due = times.nextAfter(from); due !== null && due <= to; due = times.nextAfter(due)) found.push(due);
          assert.deepEqual(found, expected, `${toCron(pattern)} ${zone} ${new Date(day).toISOString()}`);
        }),
        // Other ones at every run; a walk of four days takes a tenth of a second.
        { numRuns: 8 },
      );
    });
  }

  test('are the same whatever instant is asked from', () => {
    fc.assert(
      fc.property(
        patterns,
        fc.constantFrom(...ZONES),
        fc.integer({ min: 1.1e9, max: 2.1e9 }),
        (pattern, zone, second) => {
          const times = openRule({ kind: 'cron', cron: toCron(pattern), zone });
          const from = second * 1_000;
          const due = times.nextAfter(from);
          if (due === null) return;
          assert.ok(due > from);
          assert.equal(times.nextAfter(from + Math.floor((due - from) / 2)), due);
          assert.equal(times.nextAfter(due - 1), due);
        },
      ),
    );
  });

  test('fire once on the day of a gap and once on the day of a fold', () => {
    const times = openRule({ kind: 'cron', cron: '30 2 * * *', zone: 'Europe/Berlin' });
    const next = (text: string): string => new Date(times.nextAfter(Date.parse(text)) ?? 0).toISOString();
    // 29 March 2026: 02:00 is followed by 03:00, which is 01:00 UTC.
    assert.equal(next('2026-03-28T12:00:00Z'), '2026-03-29T01:00:00.000Z');
    assert.equal(next('2026-03-29T01:00:00Z'), '2026-03-30T00:30:00.000Z');
    // 25 October 2026: 02:30 comes twice, the first time at 00:30 UTC.
    assert.equal(next('2026-10-24T12:00:00Z'), '2026-10-25T00:30:00.000Z');
    assert.equal(next('2026-10-25T00:30:00Z'), '2026-10-26T01:30:00.000Z');
  });

  test('skip a day that a zone did not have', () => {
    const times = openRule({ kind: 'cron', cron: '0 12 * * *', zone: 'Pacific/Apia' });
    const due = times.nextAfter(Date.parse('2011-12-29T22:00:00Z'));
    // Noon of 30 December is never shown: the first instant after it is the beginning of the 31st.
    assert.equal(new Date(due ?? 0).toISOString(), '2011-12-30T10:00:00.000Z');
  });
});

test('a zone gives an instant for every wall time, in order, and the wall time back where the clock shows it', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...ZONES),
      fc.integer({ min: 0, max: 2e9 }),
      fc.integer({ min: 1, max: 7_200 }),
      (name, second, more) => {
        const zone = openZone(name);
        const first = zone.toInstant(second * 1_000);
        const shown = zone.toWall(first);
        assert.ok(shown >= second * 1_000);
        assert.ok(zone.toWall(first - 1) < second * 1_000);
        assert.ok(zone.toInstant((second + more) * 1_000) >= first);
      },
    ),
    { numRuns: 2_000 },
  );
});

describe('cron expressions', () => {
  const next = (cron: string, from: string): string =>
    new Date(openRule({ kind: 'cron', cron, zone: 'UTC' }).nextAfter(Date.parse(from)) ?? 0).toISOString();

  test('put seconds last, know names and shorthands', () => {
    assert.equal(next('0 12 * * * 30', '2026-01-01T00:00:00Z'), '2026-01-01T12:00:30.000Z');
    assert.equal(next('5 4 * FEB-mar Sun', '2026-01-01T00:00:00Z'), '2026-02-01T04:05:00.000Z');
    assert.equal(next('*/20 * * * *', '2026-01-01T00:20:00Z'), '2026-01-01T00:40:00.000Z');
    assert.equal(next('10/20 * * * *', '2026-01-01T00:10:00Z'), '2026-01-01T00:30:00.000Z');
    assert.equal(next('0 0 * * 7', '2026-01-01T00:00:00Z'), '2026-01-04T00:00:00.000Z');
    const shorthands = [
      ['@hourly', '2026-01-01T01:00'],
      ['@daily', '2026-01-02T00:00'],
      [' @WEEKLY ', '2026-01-04T00:00'],
      ['@monthly', '2026-02-01T00:00'],
      ['@yearly', '2027-01-01T00:00'],
    ] as const;
    for (const [cron, due] of shorthands) assert.equal(next(cron, '2026-01-01T00:00:00Z'), `${due}:00.000Z`);
  });

  test('are refused when they are none', () => {
    const wrong = [
      '',
      '*',
      '* * * *',
      '* * * * * * *',
      '60 * * * *',
      '* 24 * * *',
      '* * 0 * *',
      '* * * 13 *',
      '* * * * 8',
    ];
    const odd = [
      '@reboot',
      '@secondly',
      'a b c d e',
      '5-1 * * * *',
      '*/0 * * * *',
      '1,,2 * * * *',
      '* * * FOO *',
      '-1 * * * *',
    ];
    const forms = [
      '0 0 15W * *',
      '+1 * * * *',
      '? * * * *',
      '* * * * * 60',
      '1-2-3 * * * *',
      '\0 * * * *',
      `${'0,'.repeat(600)}0 * * * *`,
    ];
    for (const cron of [...wrong, ...odd, ...forms]) {
      assert.throws(() => parseCron(cron), { code: 'INVALID_CRON' }, JSON.stringify(cron));
    }
  });

  test('never throw anything else, and never hang, whatever is written', () => {
    const piece = fc.oneof(
      fc.constantFrom('*', '/', ',', '-', '#', 'L', 'MON', ' ', '@daily', '99'),
      fc.nat(99).map(String),
      fc.string(),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
        try {
          parseCron(pieces.join('')).nextAfter(0);
        } catch (error) {
          assert.equal((error as { code?: unknown }).code, 'INVALID_CRON', String(error));
        }
      }),
      { numRuns: 2_000 },
    );
  });

  test('unknown zones are refused, offsets included', () => {
    for (const zone of ['Mars/Olympus', '+02:00', '', 'Europe/', 'GMT+25', '../etc', 'Europe/Berlin\0']) {
      assert.throws(() => openZone(zone), { code: 'INVALID_TIMEZONE' }, zone);
    }
  });

  test('two due times are a minute apart, however often the expression matches', () => {
    const times = openRule({ kind: 'cron', cron: '* * * * * */7', zone: 'UTC' });
    const dues = [0];
    for (let turn = 0; turn < 20; turn += 1) dues.push(nextDue(times, dues.at(-1) ?? 0, dues.at(-1) ?? 0) ?? 0);
    for (const [place, due] of dues.slice(1).entries()) assert.ok(due - (dues[place] ?? 0) >= MINUTE_MS);
  });
});

test('an interval keeps its grid for ever', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 2e12 }),
      fc.integer({ min: 1, max: 31_536_000 }),
      fc.integer({ min: -1e12, max: 4e12 }),
      (fromMs, seconds, instant) => {
        const everyMs = seconds * 1_000;
        const due = openRule({ kind: 'interval', fromMs, everyMs }).nextAfter(instant) ?? Number.NaN;
        assert.ok(due > instant && due >= fromMs);
        assert.equal((due - fromMs) % everyMs, 0);
        assert.ok(due - everyMs <= instant || due === fromMs);
      },
    ),
  );
});
