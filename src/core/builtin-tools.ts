/** Names of the tools that kazi brings for the runtime `llm`, as an agent lists them. */
export const BUILTIN_TOOLS: readonly string[] = Object.freeze([
  'bash',
  'read',
  'write',
  'edit',
  'list',
  'search',
  'fetch_url',
  'publish',
  'schedule',
  'spawn',
  'ask',
]);
