/** Task name → arguments of node. */
export const TASKS: Readonly<
  Record<
    | 'test'
    | 'demo'
    | 'bench'
    | 'chaos'
    | 'check'
    | 'dump-schema'
    | 'format'
    | 'format:check'
    | 'lint'
    | 'types'
    | 'sql'
    | 'dead-code',
    readonly string[]
  >
>;
