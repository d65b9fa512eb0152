import { numbersOf, type SeccompArchitecture, SYSCALLS } from './syscalls.ts';

/** One instruction of classic BPF: struct sock_filter { u16 code; u8 jt; u8 jf; u32 k }. */
interface Instruction {
  readonly code: number;
  readonly ifTrue: number;
  readonly ifFalse: number;
  readonly value: number;
}

// Opcodes of linux/bpf_common.h, put together: BPF_LD|BPF_W|BPF_ABS, BPF_JMP|BPF_JEQ|BPF_K and so on.
const LOAD_WORD = 0x20;
const JUMP_IF_EQUAL = 0x15;
const JUMP_IF_AT_LEAST = 0x35;
const JUMP_IF_ANY_BIT = 0x45;
const RETURN = 0x06;

// Offsets in struct seccomp_data; an argument's low half comes first on both (little-endian) architectures.
const OFFSET_NUMBER = 0;
const OFFSET_ARCHITECTURE = 4;
const OFFSET_ARGUMENTS = 16;
const ARGUMENT_BYTES = 8;

const ALLOW = 0x7fff0000;
const KILL_PROCESS = 0x80000000;
const FAIL_WITH = 0x00050000;
const EPERM = 1;
const ENOSYS = 38;
const EOPNOTSUPP = 95;
const EAFNOSUPPORT = 97;

const AUDIT_ARCHITECTURE: Readonly<Record<SeccompArchitecture, number>> = { x64: 0xc000003e, arm64: 0xc00000b7 };
/** Bit of the x32 calls, which would slip past a filter by number. */
const X32_BIT = 0x40000000;

/** CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET. */
const NAMESPACE_FLAGS = 0x00020000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x20000000 | 0x40000000;
/** TIOCSTI and TIOCLINUX put keystrokes into a terminal. */
const TERMINAL_INPUT_REQUESTS = [0x5412, 0x541c];
/** PER_LINUX, PER_LINUX32, both with UNAME26, and the question "which one is it". */
const HARMLESS_PERSONALITIES = [0x0, 0x8, 0x20000, 0x20008, 0xffffffff];
/** PR_SET_PDEATHSIG: code that got into the sandbox's init (same uid, /proc/1/mem) must not undo --die-with-parent there. */
const DEATH_SIGNAL_OPTIONS = [1];
/** AF_UNSPEC, AF_UNIX, AF_INET, AF_INET6, AF_NETLINK. Anything else is not held by the network namespace (vsock!) or is seldom-used kernel code. */
const SOCKET_FAMILIES = [0, 1, 2, 10, 16];

/**
 * The filter for bubblewrap's --seccomp: allows by default, refuses what syscalls.ts lists, kills on a foreign ABI.
 * The kernel caches the verdict of calls whose answer does not depend on arguments, so its length costs nothing.
 */
export const buildSeccompProgram = (architecture: SeccompArchitecture): Buffer => {
  const { clone, ioctl, personality, prctl, socket } = SYSCALLS.inspected;
  return encode([
    load(OFFSET_ARCHITECTURE),
    jump(JUMP_IF_EQUAL, AUDIT_ARCHITECTURE[architecture], 1, 0),
    answer(KILL_PROCESS),
    load(OFFSET_NUMBER),
    ...(architecture === 'x64' ? [jump(JUMP_IF_AT_LEAST, X32_BIT, 0, 1), answer(KILL_PROCESS)] : []),
    ...failEach(numbersOf(SYSCALLS.refused, architecture), EPERM),
    ...failEach(numbersOf(SYSCALLS.absent, architecture), ENOSYS),
    ...failEach(numbersOf(SYSCALLS.unsupported, architecture), EOPNOTSUPP),
    ...inspect(clone[architecture], 0, [jump(JUMP_IF_ANY_BIT, NAMESPACE_FLAGS, 0, 1), fail(EPERM), answer(ALLOW)]),
    ...inspect(ioctl[architecture], 1, [...failEach(TERMINAL_INPUT_REQUESTS, EPERM), answer(ALLOW)]),
    ...inspect(personality[architecture], 0, [...allowEach(HARMLESS_PERSONALITIES), fail(EPERM)]),
    ...inspect(prctl[architecture], 0, [...failEach(DEATH_SIGNAL_OPTIONS, EPERM), answer(ALLOW)]),
    ...inspect(socket[architecture], 0, [...allowEach(SOCKET_FAMILIES), fail(EAFNOSUPPORT)]),
    answer(ALLOW),
  ]);
};

/** The architecture to build for; null where kazi has no table. */
export const seccompArchitecture = (arch: string): SeccompArchitecture | null =>
  arch === 'x64' || arch === 'arm64' ? arch : null;

const load = (offset: number): Instruction => ({ code: LOAD_WORD, ifTrue: 0, ifFalse: 0, value: offset });
const jump = (code: number, value: number, ifTrue: number, ifFalse: number): Instruction => ({
  code,
  value,
  ifTrue,
  ifFalse,
});
const answer = (verdict: number): Instruction => ({ code: RETURN, ifTrue: 0, ifFalse: 0, value: verdict });
const fail = (errno: number): Instruction => answer(FAIL_WITH | errno);

const failEach = (values: readonly number[], errno: number): Instruction[] =>
  values.flatMap((value) => [jump(JUMP_IF_EQUAL, value, 0, 1), fail(errno)]);

const allowEach = (values: readonly number[]): Instruction[] =>
  values.flatMap((value) => [jump(JUMP_IF_EQUAL, value, 0, 1), answer(ALLOW)]);

/** `judge` sees the argument in the accumulator and ends in a verdict, so the number is still there for what follows when it is skipped. */
const inspect = (number: number, argument: number, judge: readonly Instruction[]): Instruction[] => [
  jump(JUMP_IF_EQUAL, number, 0, judge.length + 1),
  load(OFFSET_ARGUMENTS + argument * ARGUMENT_BYTES),
  ...judge,
];

const encode = (instructions: readonly Instruction[]): Buffer => {
  const buffer = Buffer.alloc(instructions.length * 8);
  instructions.forEach(({ code, ifTrue, ifFalse, value }, index) => {
    buffer.writeUInt16LE(code, index * 8);
    buffer.writeUInt8(ifTrue, index * 8 + 2);
    buffer.writeUInt8(ifFalse, index * 8 + 3);
    buffer.writeUInt32LE(value >>> 0, index * 8 + 4);
  });
  return buffer;
};
