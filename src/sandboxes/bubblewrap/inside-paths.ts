/** Where a script lies inside: bash reads it as a file, so its length is not bounded by the kernel's limit of an argument. */
export const SCRIPT_PATH = '/run/script';

/** Where the command's own variables lie, as assignments of a shell. */
export const ENVIRONMENT_PATH = '/run/environment';
