import { LRUCache } from 'lru-cache';

/** A target that nothing is known about; it grows with every quick success. */
const FIRST = 2;
const MOST = 16;
/** An attempt that took longer, answered or not, makes its target a slow one, which gets one attempt at a time. */
const SLOW_MS = 1_000;
const REMEMBERED_TARGETS = 10_000;

/**
 * How many attempts one target may have under way on this node: few at first, more once it proves to be quick, one while it
 * is slow. So a hundred endpoints that hang hold a hundred connections, not all there are.
 */
export class DeliveryLimits {
  readonly #limits = new LRUCache<string, number>({ max: REMEMBERED_TARGETS });
  readonly #underWay = new Map<string, number>();

  /** Of a target that has no attempt under way and is not known to be slow. */
  readonly usual = FIRST;

  get underWay(): number {
    let sum = 0;
    for (const count of this.#underWay.values()) sum += count;
    return sum;
  }

  /** How many more attempts each target may have where that is not the usual number. */
  room(): ReadonlyMap<string, number> {
    const room = new Map<string, number>();
    for (const [target, limit] of this.#limits.entries()) if (limit !== FIRST) room.set(target, limit);
    for (const [target, count] of this.#underWay) {
      room.set(target, (this.#limits.get(target) ?? FIRST) - count);
    }
    return room;
  }

  begin(target: string): void {
    this.#underWay.set(target, (this.#underWay.get(target) ?? 0) + 1);
  }

  /** `durationMs` is null for an attempt that was not made. */
  end(target: string, attempt: { readonly isSuccess: boolean; readonly durationMs: number } | null): void {
    const count = (this.#underWay.get(target) ?? 1) - 1;
    if (count > 0) this.#underWay.set(target, count);
    else this.#underWay.delete(target);
    if (attempt === null) return;
    if (attempt.durationMs > SLOW_MS) this.#limits.set(target, 1);
    else if (attempt.isSuccess) this.#limits.set(target, Math.min(MOST, (this.#limits.get(target) ?? FIRST) * 2));
  }
}
