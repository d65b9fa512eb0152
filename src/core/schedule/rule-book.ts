import { LRUCache } from 'lru-cache';
import { type DueTimes, openRule } from './next-due.ts';
import type { ScheduleRule } from './schedule.ts';
import { openZone, type Zone } from './zone.ts';

const MAX_RULES = 5_000;
const MAX_ZONES = 500;

/** Rules that were read before: reading a zone costs 0.4 ms and an expression 0.1 ms, asking for a time a hundredth of it. */
export class RuleBook {
  readonly #rules = new LRUCache<string, DueTimes>({ max: MAX_RULES });
  readonly #zones = new LRUCache<string, Zone>({ max: MAX_ZONES });

  /** As openRule. */
  open(rule: ScheduleRule): DueTimes {
    if (rule.kind !== 'cron') return openRule(rule);
    const key = `${rule.zone}\n${rule.cron}`;
    const known = this.#rules.get(key);
    if (known) return known;
    const times = openRule(rule, (name) => this.#openZone(name));
    this.#rules.set(key, times);
    return times;
  }

  #openZone(name: string): Zone {
    const known = this.#zones.get(name);
    if (known) return known;
    const zone = openZone(name);
    this.#zones.set(name, zone);
    return zone;
  }
}
