import { USAGE_GROUPS, type UsageGroup } from '../../core/usage.ts';
import type { UsageLine, UsageSums } from '../../storage/usage.ts';
import { type CsvCell, toCsv } from '../csv.ts';
import { toDollars } from '../dollars.ts';

/** What a report can be grouped by on the wire: also by the tenant, which is always the caller's own. */
export type ReportGroup = UsageGroup | 'tenant';

interface Grouping {
  readonly groups: readonly ReportGroup[];
  readonly tenantId: string;
}

/** One group as JSON. The cost is the known part of it, null when nothing is known, and never a guess. */
export const toLineView = (line: UsageLine, grouping: Grouping): Readonly<Record<string, unknown>> => ({
  ...Object.fromEntries(grouping.groups.map((group) => [group, valueOf(line, group, grouping.tenantId)])),
  ...toSumsView(line),
});

/** Sums as JSON, with a warning where the cost is not the whole. */
export const toSumsView = (sums: UsageSums): Readonly<Record<string, unknown>> => ({
  ...toNumbers(sums),
  ...(sums.unknownCostCalls > 0 ? { warning: describeUnknown(sums) } : {}),
});

/** A page of a report as CSV: its groups, without the totals. */
export const toUsageCsv = (lines: readonly UsageLine[], grouping: Grouping): string =>
  toCsv(
    [...grouping.groups, ...NUMBER_TITLES],
    lines.map((line) => [
      ...grouping.groups.map((group) => valueOf(line, group, grouping.tenantId)),
      ...Object.values(toNumbers(line)),
    ]),
  );

const valueOf = (line: UsageLine, group: ReportGroup, tenantId: string): string | null =>
  group === 'tenant' ? tenantId : line.key[USAGE_GROUPS.indexOf(group)] || null;

const toNumbers = (sums: UsageSums): Readonly<Record<string, CsvCell>> => ({
  calls: sums.calls,
  input_tokens: sums.inputTokens,
  cache_read_tokens: sums.cacheReadTokens,
  cache_write_tokens: sums.cacheWriteTokens,
  output_tokens: sums.outputTokens,
  reasoning_tokens: sums.reasoningTokens,
  cost_usd: toDollars(sums.costMicros),
  cost_micros: sums.costMicros,
  unknown_cost_calls: sums.unknownCostCalls,
});

const NUMBER_TITLES: readonly string[] = Object.keys(
  toNumbers({
    calls: 0,
    unknownCostCalls: 0,
    costMicros: 0,
    inputTokens: null,
    cacheReadTokens: null,
    cacheWriteTokens: null,
    outputTokens: null,
    reasoningTokens: null,
  }),
);

const describeUnknown = ({ calls, unknownCostCalls }: UsageSums): string =>
  `The price of ${unknownCostCalls} of ${calls} model calls is unknown; the cost ${unknownCostCalls === calls ? 'is unknown' : 'leaves them out'}.`;
