import { randomBytes } from 'node:crypto';
import { constants, openSync, unlinkSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * Descriptor of a file without a name, holding `content` and standing at its beginning: the way to hand something to
 * bubblewrap without a trace on disk when the server is killed. (The kernel has memfd for this; Node does not reach it.)
 * The caller closes it.
 */
export const openUnnamed = (content: string | Uint8Array): number => {
  const path = join(tmpdir(), `kazi-${randomBytes(12).toString('hex')}`);
  const descriptor = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600);
  unlinkSync(path);
  const bytes = Buffer.from(content);
  // With a position, which leaves the reader's own at the start.
  for (let done = 0; done < bytes.length; ) done += writeSync(descriptor, bytes, done, bytes.length - done, done);
  return descriptor;
};

/** Another descriptor of the same file, with a position and an access of its own. The caller closes it. */
export const reopen = (descriptor: number, flags: number): number => openSync(`/proc/self/fd/${descriptor}`, flags);
