/** Where mail to a worker goes: the same for all its life. */
export const workerMailAddress = (
  worker: { readonly id: string; readonly mailToken: string },
  domain: string,
): string => `${worker.id.slice(-26).toLowerCase()}-${worker.mailToken}@${domain}`;
