import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { buildSeccompProgram } from './seccomp-program.ts';
import { numbersOf, SYSCALLS } from './syscalls.ts';

const ALLOW = 0x7fff0000;
const KILL = 0x80000000;
const FAIL = 0x00050000;
const AUDIT = { x64: 0xc000003e, arm64: 0xc00000b7 } as const;

/** The kernel's reading of a program, for the five kinds of instruction that are used; throws where the kernel would refuse it. */
const judge = (
  program: Buffer,
  call: { architecture: number; number: number; arguments?: readonly bigint[] },
): number => {
  const data = Buffer.alloc(64);
  data.writeUInt32LE(call.number, 0);
  data.writeUInt32LE(call.architecture, 4);
  call.arguments?.forEach((value, index) => data.writeBigUInt64LE(value, 16 + index * 8));
  let accumulator = 0;
  for (let at = 0; ; at += 1) {
    const code = program.readUInt16LE(at * 8);
    const value = program.readUInt32LE(at * 8 + 4);
    const jump = (holds: boolean): number => program.readUInt8(at * 8 + (holds ? 2 : 3));
    if (code === 0x06) return value;
    if (code === 0x20) accumulator = data.readUInt32LE(value);
    else if (code === 0x15) at += jump(accumulator === value);
    else if (code === 0x35) at += jump(accumulator >= value);
    else if (code === 0x45) at += jump((accumulator & value) !== 0);
    else throw new Error(`unknown instruction ${code}`);
  }
};

for (const name of ['x64', 'arm64'] as const) {
  const program = buildSeccompProgram(name);
  const architecture = AUDIT[name];
  const inspected = numbersOf(SYSCALLS.inspected, name);
  const listed = new Map([
    ...numbersOf(SYSCALLS.refused, name).map((number) => [number, FAIL | 1] as const),
    ...numbersOf(SYSCALLS.absent, name).map((number) => [number, FAIL | 38] as const),
    ...numbersOf(SYSCALLS.unsupported, name).map((number) => [number, FAIL | 95] as const),
  ]);

  describe(`the seccomp filter on ${name}`, () => {
    test('refuses exactly what is listed and allows the rest', () => {
      for (let number = 0; number < 1000; number += 1) {
        if (inspected.includes(number)) continue;
        assert.equal(judge(program, { architecture, number }), listed.get(number) ?? ALLOW, String(number));
      }
    });

    test('kills a call of any other architecture', () => {
      fc.assert(
        fc.property(fc.integer({ min: 0, max: 0xffffffff }), fc.integer({ min: 0, max: 1000 }), (other, number) => {
          fc.pre(other !== architecture);
          assert.equal(judge(program, { architecture: other, number }), KILL);
        }),
      );
    });

    test('looks at the low half of arguments, as the kernel does', () => {
      const { clone, ioctl, socket, personality, prctl } = SYSCALLS.inspected;
      const high = 1n << 40n;
      const verdict = (number: number, ...values: bigint[]): number =>
        judge(program, { architecture, number, arguments: values });
      assert.equal(verdict(clone[name], 17n), ALLOW);
      assert.equal(verdict(clone[name], 0x10000000n | 17n | high), FAIL | 1);
      assert.equal(verdict(ioctl[name], 0n, 0x5401n), ALLOW);
      assert.equal(verdict(ioctl[name], 0n, 0x5412n | high), FAIL | 1);
      assert.equal(verdict(socket[name], 2n), ALLOW);
      assert.equal(verdict(socket[name], 40n), FAIL | 97);
      assert.equal(verdict(personality[name], 0xffffffffn), ALLOW);
      assert.equal(verdict(personality[name], 0x40000n), FAIL | 1);
      assert.equal(verdict(prctl[name], 38n), ALLOW);
      assert.equal(verdict(prctl[name], 1n), FAIL | 1);
    });
  });
}

test('the seccomp filter on x64 kills calls of the x32 table', () => {
  const program = buildSeccompProgram('x64');
  assert.equal(judge(program, { architecture: AUDIT.x64, number: 0x40000000 + 39 }), KILL);
});
