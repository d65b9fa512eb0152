import { WORKSPACE_PATH } from '../workspace-path.ts';

/** Who a command is inside: the name in the synthesized /etc/passwd. */
export const INSIDE_ID = 1000;

/** The little /etc of a sandbox: no account of the host, and names resolve to the sandbox itself only. */
export const INSIDE_FILES = {
  passwd: `root:x:0:0:root:/root:/usr/sbin/nologin
kazi:x:${INSIDE_ID}:${INSIDE_ID}:kazi:${WORKSPACE_PATH}:/bin/sh
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
`,
  group: `root:x:0:\nkazi:x:${INSIDE_ID}:\nnogroup:x:65534:\n`,
  hosts: '127.0.0.1 localhost\n::1 localhost\n',
} as const;
