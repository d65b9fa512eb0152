/** What a node does: serve the API, run jobs, or both. */
export type NodeRole = 'api' | 'runner' | 'all';
