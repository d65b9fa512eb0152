import { ApiClient } from '../client.ts';
import { connect } from '../connection.ts';
import { EXIT_CODES } from '../exit-code.ts';
import { writeJson, writeTable } from '../table.ts';
import { outputOf } from '../terminal.ts';
import type { BatchPageOptions } from './batches.ts';

/** How each item did, in the order of the request; with --jsonl all of them, one JSON object a line. */
export const listItems = async (
  batchId: string,
  options: BatchPageOptions & { readonly jsonl?: boolean },
): Promise<number> => {
  const client = new ApiClient(await connect(options));
  const output = outputOf(process.stdout);
  if (options.jsonl === true) {
    output.write(await client.downloadBatchItems(batchId));
    return EXIT_CODES.ok;
  }
  const { limit, after } = options;
  const page = await client.listBatchItems(batchId, { limit, after });
  if (options.json === true) {
    writeJson(output, page);
    return EXIT_CODES.ok;
  }
  const rows = page.items.map((item) => [item.job_id, item.status, item.agent_id, item.error ?? '']);
  writeTable(output, { titles: ['JOB', 'STATUS', 'AGENT', 'ERROR'], rows });
  if (page.next_cursor) outputOf(process.stderr).write(`more: --after ${page.next_cursor}\n`);
  return EXIT_CODES.ok;
};
