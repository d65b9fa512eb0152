import type { ProviderAnswer } from '../../core/model-batch.ts';
import type { BatchFound, BatchOrder, BatchProgress, BatchSearch, BatchSubmission } from '../model.ts';

/** How one provider takes batches. */
export interface BatchProtocol {
  submit(order: BatchOrder, signal: AbortSignal): Promise<BatchSubmission>;
  /** Rejects when the provider cannot be asked. */
  find(order: BatchOrder, search: BatchSearch): Promise<{ readonly kind: 'absent' | 'unsure' } | BatchFound>;
  /** Rejects when the provider cannot be asked. */
  poll(providerId: string, signal: AbortSignal): Promise<Exclude<BatchProgress, { kind: 'unreachable' }>>;
  results(
    providerId: string,
    signal: AbortSignal,
  ): AsyncIterable<{ readonly id: string; readonly answer: ProviderAnswer | null }>;
}
