/** Task name → arguments of node. */
export const TASKS: Readonly<
  Record<
    | 'test'
    | 'demo'
    | 'bench'
    | 'chaos'
    | 'conformance'
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
