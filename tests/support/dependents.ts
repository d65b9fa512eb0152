/**
 * What uses a database or a folder of a test stops before that goes: node:test runs the hooks of a test in the order in which
 * they were set, so the owner, which came first, would go first.
 */
const stopsOf = new Map<string, (() => Promise<void>)[]>();

/** Notes how to stop something that uses the thing of this URL or path; a second `stop` must wait for the first. */
export const noteDependent = (owner: string, stop: () => Promise<void>): void => {
  stopsOf.set(owner, [...(stopsOf.get(owner) ?? []), stop]);
};

/** Stops whatever was noted for it, all at once. */
export const stopDependents = async (owner: string): Promise<void> => {
  const stops = stopsOf.get(owner) ?? [];
  stopsOf.delete(owner);
  await Promise.all(stops.map(async (stop) => await stop()));
};
