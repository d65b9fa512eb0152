import { isEndOfJob } from '../../core/job-end.ts';
import type { WorkerEvent } from '../../core/worker.ts';
import { TurnParts, type TurnPlace } from './turn-parts.ts';
import type { UiPart } from './ui-part.ts';

/** The log of a worker as parts, turn after turn. */
export class SessionParts {
  readonly #place: Omit<TurnPlace, 'jobId'>;
  readonly #turns = new Map<string, TurnParts>();

  constructor(place: Omit<TurnPlace, 'jobId'>) {
    this.#place = place;
  }

  /** What the event adds to the stream; often nothing. */
  add(event: WorkerEvent): readonly UiPart[] {
    const { jobId } = event;
    if (jobId === null) return [];
    const isEnd = isEndOfJob(event, jobId);
    let turn = this.#turns.get(jobId);
    if (turn === undefined) {
      if (event.type !== 'job.started' && !isEnd) return [];
      // A turn that never began would end the one that is being told.
      if (isEnd && this.#isTelling) return [];
      turn = new TurnParts({ ...this.#place, jobId });
      this.#turns.set(jobId, turn);
    }
    const parts = turn.add(event);
    if (turn.hasEnded) this.#turns.delete(jobId);
    return parts;
  }

  get #isTelling(): boolean {
    return [...this.#turns.values()].some(({ isOpen }) => isOpen);
  }
}
