/** What a usage report may be grouped by, in the order in which the groups are listed and sorted. */
export const USAGE_GROUPS = ['day', 'model', 'agent', 'user', 'session', 'api_key', 'job', 'root_job'] as const;

export type UsageGroup = (typeof USAGE_GROUPS)[number];
