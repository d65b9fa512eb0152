/** Numbers of one system call on the architectures that kazi supports; null where it does not exist. */
interface SyscallNumbers {
  readonly x64: number;
  readonly arm64: number | null;
}

interface SharedSyscallNumbers extends SyscallNumbers {
  readonly arm64: number;
}

const both = (x64: number, arm64: number): SharedSyscallNumbers => ({ x64, arm64 });
const x64Only = (x64: number): SyscallNumbers => ({ x64, arm64: null });
/** Calls added since 2019 have one number everywhere. */
const everywhere = (number: number): SharedSyscallNumbers => ({ x64: number, arm64: number });

/**
 * Refused with EPERM: calls that change the machine, look into other processes, or have been the way into the kernel again
 * and again, and that no build, test or script needs. Most need capabilities that a sandbox lacks anyway; the filter
 * keeps their code out of reach altogether. Numbers: the kernel's unistd_64.h and asm-generic/unistd.h.
 */
const refused = {
  // Mounts and roots.
  mount: both(165, 40),
  umount2: both(166, 39),
  pivot_root: both(155, 41),
  chroot: both(161, 51),
  open_tree: everywhere(428),
  move_mount: everywhere(429),
  fsopen: everywhere(430),
  fsconfig: everywhere(431),
  fsmount: everywhere(432),
  fspick: everywhere(433),
  mount_setattr: everywhere(442),
  open_tree_attr: everywhere(467),
  quotactl: both(179, 60),
  quotactl_fd: everywhere(443),
  swapon: both(167, 224),
  swapoff: both(168, 225),
  // Namespaces (clone is looked at by its flags).
  unshare: both(272, 97),
  setns: both(308, 268),
  // Other processes.
  ptrace: both(101, 117),
  process_vm_readv: both(310, 270),
  process_vm_writev: both(311, 271),
  process_madvise: everywhere(440),
  pidfd_getfd: everywhere(438),
  kcmp: both(312, 272),
  migrate_pages: both(256, 238),
  move_pages: both(279, 239),
  // Wide and often broken kernel interfaces.
  bpf: both(321, 280),
  perf_event_open: both(298, 241),
  userfaultfd: both(323, 282),
  io_uring_setup: everywhere(425),
  io_uring_enter: everywhere(426),
  io_uring_register: everywhere(427),
  keyctl: both(250, 219),
  add_key: both(248, 217),
  request_key: both(249, 218),
  name_to_handle_at: both(303, 264),
  open_by_handle_at: both(304, 265),
  fanotify_init: both(300, 262),
  lookup_dcookie: both(212, 18),
  modify_ldt: x64Only(154),
  // The machine itself.
  init_module: both(175, 105),
  finit_module: both(313, 273),
  delete_module: both(176, 106),
  kexec_load: both(246, 104),
  kexec_file_load: both(320, 294),
  reboot: both(169, 142),
  sethostname: both(170, 161),
  setdomainname: both(171, 162),
  settimeofday: both(164, 170),
  clock_settime: both(227, 112),
  clock_adjtime: both(305, 266),
  adjtimex: both(159, 171),
  acct: both(163, 89),
  syslog: both(103, 116),
  vhangup: both(153, 58),
  nfsservctl: both(180, 42),
  iopl: x64Only(172),
  ioperm: x64Only(173),
  // Long dead, still compiled into some kernels.
  uselib: x64Only(134),
  ustat: x64Only(136),
  sysfs: x64Only(139),
  _sysctl: x64Only(156),
  create_module: x64Only(174),
  get_kernel_syms: x64Only(177),
  query_module: x64Only(178),
} as const satisfies Readonly<Record<string, SyscallNumbers>>;

/**
 * Answered with ENOSYS, as on a kernel without them, so that programs take their other way. clone3 hides its flags in memory,
 * where a filter cannot look. The rest makes memory that belongs to no process, and so escapes the memory limit.
 */
const absent = {
  clone3: everywhere(435),
  memfd_create: both(319, 279),
  memfd_secret: everywhere(447),
  shmget: both(29, 194),
  msgget: both(68, 186),
} as const satisfies Readonly<Record<string, SyscallNumbers>>;

/** Takes disk at once, faster than the workspace can be watched: EOPNOTSUPP makes programs write instead. */
const unsupported = {
  fallocate: both(285, 47),
} as const satisfies Readonly<Record<string, SyscallNumbers>>;

/** Calls that are judged by an argument. */
const inspected = {
  clone: both(56, 220),
  ioctl: both(16, 29),
  personality: both(135, 92),
  prctl: both(157, 167),
  socket: both(41, 198),
} as const satisfies Readonly<Record<string, SyscallNumbers>>;

/** Every call that the filter does not just allow, by what becomes of it. */
export const SYSCALLS = { refused, absent, unsupported, inspected } as const;

export type SeccompArchitecture = 'x64' | 'arm64';

/** The numbers of a table on one architecture. */
export const numbersOf = (
  table: Readonly<Record<string, SyscallNumbers>>,
  architecture: SeccompArchitecture,
): readonly number[] =>
  Object.values(table)
    .map((numbers) => numbers[architecture])
    .filter((number) => number !== null);
