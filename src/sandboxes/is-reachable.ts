import { statSync } from 'node:fs';
import { dirname } from 'node:path';

const OTHERS_READ = 0o4;
const OTHERS_ENTER = 0o1;

/** True when any user can walk to this real path: every folder above it lets others enter. (An ACL that lets more in is not seen.) */
export const isReachableByOthers = (path: string): boolean => {
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    if ((statSync(folder).mode & OTHERS_ENTER) === 0) return false;
    if (folder === dirname(folder)) return true;
  }
};

/** True when any user can read this real path, too. */
export const isReadableByOthers = (path: string): boolean =>
  (statSync(path).mode & OTHERS_READ) !== 0 && isReachableByOthers(path);
