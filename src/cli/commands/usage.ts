import { ApiClient } from '../client.ts';
import { type ClientOptions, connect } from '../connection.ts';
import { EXIT_CODES } from '../exit-code.ts';
import { writeJson, writeTable } from '../table.ts';
import { harmless, outputOf } from '../terminal.ts';
import type { WireUsageSums } from '../wire.ts';

export interface UsageOptions extends ClientOptions {
  readonly from?: string;
  readonly to?: string;
  readonly groupBy?: string;
  readonly tz?: string;
  readonly limit?: string;
  readonly cursor?: string;
  readonly csv?: boolean;
  readonly json?: boolean;
}

/** A usage report, as a table with its totals, as JSON or as CSV; what is not known about it, and the next page, on stderr. */
export const showUsage = async (options: UsageOptions): Promise<number> => {
  const client = new ApiClient(await connect(options));
  const { from, to, groupBy: group_by, tz, limit, cursor } = options;
  const query = { from, to, group_by, tz, limit, cursor };
  const output = outputOf(process.stdout);
  const notes = outputOf(process.stderr);
  if (options.csv === true && options.json !== true) {
    const { csv, nextCursor } = await client.readUsageCsv(query);
    output.write(csv);
    if (nextCursor !== null) notes.write(`more: --cursor ${nextCursor}\n`);
    return EXIT_CODES.ok;
  }
  const report = await client.readUsage(query);
  if (options.json === true) {
    writeJson(output, report);
    return EXIT_CODES.ok;
  }
  const groups = report.group_by;
  const rows = [
    ...report.groups.map((line) => [...groups.map((group) => toName(line[group])), ...toCells(line)]),
    [...groups.map((_, place) => (place === 0 ? 'total' : '')), ...toCells(report.total)],
  ];
  const titles = [...groups.map((group) => group.toUpperCase()), 'CALLS', 'INPUT', 'CACHED', 'OUTPUT', 'COST (USD)'];
  writeTable(output, { titles, rows });
  if (report.total.warning) notes.write(`${harmless(report.total.warning)}\n`);
  if (report.next_cursor) notes.write(`more: --cursor ${report.next_cursor}\n`);
  return EXIT_CODES.ok;
};

const toCells = (sums: WireUsageSums): readonly string[] => [
  String(sums.calls),
  ...[sums.input_tokens, sums.cache_read_tokens, sums.output_tokens].map((tokens) =>
    tokens === null ? '-' : String(tokens),
  ),
  toCost(sums),
];

/** `?` for an unknown cost, and after the known part of one. */
const toCost = ({ cost_usd: cost, unknown_cost_calls: unknown }: WireUsageSums): string =>
  cost === null ? '?' : `${cost}${unknown > 0 ? ' + ?' : ''}`;

/** `-` for what belongs to nobody. */
const toName = (value: unknown): string => (typeof value === 'string' ? value : '-');
