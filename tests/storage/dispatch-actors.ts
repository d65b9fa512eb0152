import { createHash, randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { ClaimedJob } from '../../src/core/job.ts';
import type { JournalEntry } from '../../src/core/journal.ts';
import type { Database } from '../../src/storage/database.ts';
import {
  type JournalAnswer,
  listHeldJobs,
  releaseJobs,
  rescueJobs,
  writeJournal,
} from '../../src/storage/held-jobs.ts';
import { cancelJob, promoteSessions } from '../../src/storage/jobs.ts';
import { beatNode } from '../../src/storage/nodes.ts';
import { acceptJobs, type JobSubmission } from '../../src/storage/submissions.ts';
import { claim, goodEnd, makeEntry, makeLastEntry, makeNode, makeSubmission } from '../support/factories.ts';
import { eventually } from '../support/signals.ts';

/** Chance that can be played again: the same seed gives the same numbers. */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** From 0 up to, not including, 1. */
  next(): number {
    this.#state = (this.#state + 0x9e3779b9) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
  }

  /** A whole number below the bound. */
  below(bound: number): number {
    return Math.floor(this.next() * bound);
  }

  /** True once in so many throws. */
  oneIn(count: number): boolean {
    return this.below(count) === 0;
  }

  pick<Item>(items: readonly Item[]): Item {
    const item = items[this.below(items.length)];
    if (item === undefined) throw new Error('nothing to pick from');
    return item;
  }
}

/** One place that work can go to. */
export interface Desk {
  readonly tenantId: string;
  readonly laneId: number;
  readonly sessionId: string;
  /** Known, as to a node that has looked the session up: by it a batch locks its sessions in order. */
  readonly sessionNum: number;
}

/** What the actors share: where work goes, and what they have seen. */
export interface Arena {
  readonly db: Database;
  readonly desks: readonly Desk[];
  readonly leaseMs: number;
  readonly maxAttempts: number;
  readonly tenantCap: number;
  /** Every how manieth run fails; none when absent. */
  readonly failOneIn?: number;
  /** Ids of all jobs that were accepted. */
  readonly accepted: string[];
  /** How often each job's end was written. */
  readonly ends: Map<string, number>;
  readonly counts: {
    pauses: number;
    fenced: number;
    repeated: number;
    released: number;
    canceled: number;
    replays: number;
  };
  /** What no actor may ever see. */
  readonly faults: string[];
}

/** Hands in jobs alone and in bulk, for now and for later, with priorities, and some of them twice. */
export const submitJobs = async (arena: Arena, dice: Dice, count: number): Promise<void> => {
  const kept: JobSubmission[] = [];
  for (let made = 0; made < count; ) {
    const batch = Array.from({ length: dice.oneIn(3) ? 1 + dice.below(10) : 1 }, () => makeRandom(arena, dice));
    if (kept.length > 0 && dice.oneIn(6)) {
      const again = dice.pick(kept);
      const repeated = { ...again, id: randomUUID() };
      // Two items of a batch never share a key: the intake sees to it.
      if (!batch.some((item) => item.idempotency?.scope === again.idempotency?.scope)) batch.push(repeated);
    }
    const answers = await acceptJobs(arena.db, batch);
    for (const [place, submission] of batch.entries()) {
      const isRepeat = kept.some((earlier) => earlier.idempotency === submission.idempotency && submission.idempotency);
      const outcome = answers[place]?.outcome;
      if (outcome !== (isRepeat ? 'replay' : 'accepted')) arena.faults.push(`a submission was answered ${outcome}`);
      if (outcome === 'replay') arena.counts.replays += 1;
      if (outcome === 'accepted') arena.accepted.push(submission.id);
      if (submission.idempotency && !isRepeat) kept.push(submission);
    }
    made += batch.length;
    if (dice.oneIn(4)) await delay(dice.below(15));
  }
};

const makeRandom = (arena: Arena, dice: Dice): JobSubmission => {
  const name = randomUUID();
  const digest = createHash('sha256').update(name).digest();
  return makeSubmission({
    ...dice.pick(arena.desks),
    priority: dice.below(3) - 1,
    scheduleAt: dice.oneIn(5) ? new Date(Date.now() + dice.below(400)) : null,
    idempotency: dice.oneIn(3) ? { scope: digest, requestHash: digest, response: name, keepMs: 600_000 } : null,
  });
};

/** Cancels jobs that wait, run or have ended, as they come. */
export const cancelJobs = async (arena: Arena, dice: Dice, signal: AbortSignal): Promise<void> => {
  while (!signal.aborted) {
    await delay(10 + dice.below(20));
    // Mostly young ones, which may still be canceled.
    const young = arena.accepted.slice(-40);
    if (young.length === 0) continue;
    if ((await cancelJob(arena.db, dice.pick(young)))?.hasChanged) arena.counts.canceled += 1;
  }
};

/** Takes back what dead nodes hold. */
export const rescueRegularly = async (arena: Arena, dice: Dice, signal: AbortSignal): Promise<void> => {
  while (!signal.aborted) {
    await rescueJobs(arena.db, { limit: 1 + dice.below(20), maxAttempts: arena.maxAttempts });
    await delay(20 + dice.below(30));
  }
};

const BAD_END = {
  events: [{ type: 'job.failed' }],
  finish: { ...goodEnd, state: 'failed', error: 'failed by chance' },
} as const;

/** A node that claims and runs jobs, and now and then stands still for longer than its lease, then goes on as if nothing were. */
export class FlakyNode {
  readonly #arena: Arena;
  readonly #dice: Dice;
  readonly #runs = new Set<Promise<void>>();
  #nodeId = 0;
  #pause: Promise<void> | undefined;

  constructor(arena: Arena, dice: Dice) {
    this.#arena = arena;
    this.#dice = dice;
  }

  /** Works until the signal; resolves when all its runs have ended. */
  async work(signal: AbortSignal): Promise<void> {
    this.#nodeId = await makeNode(this.#arena.db, this.#arena.leaseMs);
    const beats = this.#beat(signal);
    while (!signal.aborted) {
      await this.#pause;
      await this.#turn();
    }
    await beats;
    await Promise.all(this.#runs);
  }

  async #turn(): Promise<void> {
    const { db, desks, tenantCap } = this.#arena;
    const dice = this.#dice;
    await promoteSessions(db, 50);
    const nodeId = this.#nodeId;
    const jobs = await claim(db, {
      nodeId,
      slots: 1 + dice.below(8),
      tenantCap,
      windowLanes: 1 + dice.below(4),
      afterLane: dice.below(12),
      hintedLanes: dice.oneIn(3) ? [dice.pick(desks).laneId] : [],
    });
    for (const job of jobs) {
      const run = this.#run(job, nodeId)
        .catch((error: unknown) => void this.#arena.faults.push(`a run failed: ${String(error)}`))
        .finally(() => this.#runs.delete(run));
      this.#runs.add(run);
    }
    if (jobs.length === 0) await delay(2 + dice.below(6));
  }

  async #run(job: ClaimedJob, nodeId: number): Promise<void> {
    const dice = this.#dice;
    if (dice.oneIn(40)) this.#pause ??= this.#standStill(nodeId);
    let writeNum = 0;
    for (let left = dice.below(4); left > 0; left -= 1) {
      writeNum += 1;
      await delay(dice.below(5));
      if (!(await this.#write(makeEntry(job, { writeNum, events: [{ type: 'output.written' }] }), nodeId))) return;
    }
    await delay(dice.below(8));
    await this.#pause;
    if (dice.oneIn(12)) {
      const release = { jobId: job.id, leaseId: job.leaseId, delayMs: dice.below(150) };
      this.#arena.counts.released += (await releaseJobs(this.#arena.db, [release], 'test')).released;
      return;
    }
    const { ends, failOneIn } = this.#arena;
    const end = failOneIn !== undefined && dice.oneIn(failOneIn) ? BAD_END : {};
    if (await this.#write(makeLastEntry(job, { writeNum: writeNum + 1, ...end }), nodeId)) {
      ends.set(job.id, (ends.get(job.id) ?? 0) + 1);
    }
  }

  /** True when it was written. After a pause that cost the lease it never is. */
  async #write(entry: JournalEntry, nodeId: number): Promise<boolean> {
    const { db, counts, faults } = this.#arena;
    await this.#pause;
    const isStale = nodeId !== this.#nodeId;
    const [answer] = await writeJournal(db, [entry]);
    if (isStale && answer?.outcome !== 'lost') faults.push(`a write after the lease was lost was ${answer?.outcome}`);
    if (answer?.outcome === 'lost') counts.fenced += 1;
    if (answer?.outcome === 'written' && this.#dice.oneIn(10)) await this.#writeAgain(entry, answer);
    return answer?.outcome === 'written';
  }

  async #writeAgain(entry: JournalEntry, first: JournalAnswer): Promise<void> {
    const [again] = await writeJournal(this.#arena.db, [entry]);
    if (first.outcome === again?.outcome) this.#arena.faults.push('an entry was written twice');
    this.#arena.counts.repeated += 1;
  }

  /** No beat, claim or write until the rescuer has taken everything that this node held. */
  async #standStill(nodeId: number): Promise<void> {
    const { db, counts, leaseMs } = this.#arena;
    counts.pauses += 1;
    await delay(leaseMs * 1.5);
    await eventually('the rescuer takes the jobs of a dead node', async () => {
      return !(await beatNode(db, nodeId, leaseMs)) && (await listHeldJobs(db, nodeId)).length === 0;
    });
    this.#nodeId = await makeNode(db, leaseMs);
    this.#pause = undefined;
  }

  async #beat(signal: AbortSignal): Promise<void> {
    const { db, leaseMs } = this.#arena;
    while (!signal.aborted || this.#runs.size > 0) {
      await delay(leaseMs / 5);
      await this.#pause;
      const nodeId = this.#nodeId;
      // A machine that is too busy may lose a lease without a pause: then everything is as after one.
      if (this.#pause === undefined && !(await beatNode(db, nodeId, leaseMs))) this.#pause ??= this.#standStill(nodeId);
    }
  }
}
