import { readdirSync, readFileSync } from 'node:fs';

const O_CLOEXEC = 0o2000000;
const FIRST_AFTER_STDIO = 3;

/**
 * Descriptors that whoever started this server left open in it, and that every child would inherit; Node's own close on exec.
 * A driver covers them with /dev/null, for Node cannot close a descriptor in a child.
 */
export const findInheritedDescriptors = (): readonly number[] =>
  readdirSync('/proc/self/fd')
    .map(Number)
    .filter((descriptor) => descriptor >= FIRST_AFTER_STDIO && isInherited(descriptor));

const isInherited = (descriptor: number): boolean => {
  try {
    const flags = /^flags:\s+(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${descriptor}`, 'utf8'))?.[1];
    return flags !== undefined && (Number.parseInt(flags, 8) & O_CLOEXEC) === 0;
  } catch {
    // Closed meanwhile (the listing's own descriptor is one).
    return false;
  }
};
