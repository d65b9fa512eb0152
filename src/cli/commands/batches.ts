import { ApiClient } from '../client.ts';
import { type ClientOptions, connect } from '../connection.ts';
import { EXIT_CODES } from '../exit-code.ts';
import { writeJson, writeTable } from '../table.ts';
import { type Output, outputOf } from '../terminal.ts';
import type { WireBatch } from '../wire.ts';

export interface BatchesOptions extends ClientOptions {
  readonly json?: boolean;
}

/** A page of a list. */
export interface BatchPageOptions extends BatchesOptions {
  readonly limit?: string;
  readonly after?: string;
}

/** Newest first; one page. */
export const listBatches = async (options: BatchPageOptions): Promise<number> => {
  const { limit, after } = options;
  const batches = await new ApiClient(await connect(options)).listBatches({ limit, after });
  const output = outputOf(process.stdout);
  if (options.json === true) writeJson(output, batches);
  else writeTable(output, { titles: ['BATCH', 'STATUS', 'ENDED', 'FAILED', 'CREATED'], rows: batches.map(toRow) });
  return EXIT_CODES.ok;
};

/** One batch with its counts. */
export const showBatch = async (batchId: string, options: BatchesOptions): Promise<number> =>
  writeBatch(await new ApiClient(await connect(options)).getBatch(batchId), options);

/** Cancels a batch, and says how it stands then: one that had ended stays what it was. */
export const cancelBatch = async (batchId: string, options: BatchesOptions): Promise<number> => {
  const client = new ApiClient(await connect(options));
  await client.cancelBatch(batchId);
  return writeBatch(await client.getBatch(batchId), options);
};

const writeBatch = (batch: WireBatch, { json }: BatchesOptions): number => {
  const output: Output = outputOf(process.stdout);
  if (json === true) writeJson(output, batch);
  else {
    const { total, succeeded, failed, cancelled } = batch.metadata.counts;
    output.write(`${batch.id} ${batch.status}\n`);
    output.write(`${total} items: ${succeeded} succeeded, ${failed} failed, ${cancelled} cancelled\n`);
  }
  return EXIT_CODES.ok;
};

const toRow = ({ id, status, created_at, metadata }: WireBatch): string[] => {
  const { total, succeeded, failed, cancelled } = metadata.counts;
  return [id, status, `${succeeded + failed + cancelled}/${total}`, String(failed), created_at];
};
