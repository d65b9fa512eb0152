import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { judgeAddress } from './address-rules.ts';

const PUBLIC = [
  '1.1.1.1',
  '8.8.8.8',
  '9.255.255.255',
  '11.0.0.0',
  '100.63.255.255',
  '100.128.0.0',
  '126.255.255.255',
  '128.0.0.0',
  '169.253.255.255',
  '169.255.0.0',
  '172.15.255.255',
  '172.32.0.0',
  '192.167.255.255',
  '192.169.0.0',
  '198.17.255.255',
  '198.20.0.0',
  '223.255.255.255',
  '2606:4700:4700::1111',
  '2a00:1450:4001:82f::200e',
  '2400:cb00::',
  '::ffff:8.8.8.8',
  '64:ff9b::808:808',
];

const PRIVATE = [
  '10.0.0.0',
  '10.255.255.255',
  '100.64.0.0',
  '100.127.255.255',
  '127.0.0.1',
  '127.255.255.255',
  '169.254.0.1',
  '172.16.0.0',
  '172.31.255.255',
  '192.168.0.0',
  '192.168.255.255',
  '::1',
  'fe80::1',
  'fe80::1%eth0',
  'febf::1',
  'fc00::1',
  'fdff::1',
  '::ffff:127.0.0.1',
  '::ffff:7f00:1',
  '::ffff:10.1.2.3',
  '64:ff9b::a00:1',
  '64:ff9b::127.0.0.1',
];

const FORBIDDEN = [
  '0.0.0.0',
  '0.1.2.3',
  '168.63.129.16',
  '169.254.169.254',
  '169.254.170.2',
  '100.100.100.200',
  '192.0.0.1',
  '192.0.0.192',
  '192.0.2.1',
  '192.88.99.1',
  '198.18.0.1',
  '198.19.255.255',
  '198.51.100.1',
  '203.0.113.1',
  '224.0.0.1',
  '239.255.255.255',
  '240.0.0.1',
  '255.255.255.255',
  '::',
  '::127.0.0.1',
  '::8.8.8.8',
  '::ffff:0:127.0.0.1',
  '::ffff:169.254.169.254',
  '64:ff9b::169.254.169.254',
  '64:ff9b:1::8.8.8.8',
  '100::1',
  '2001::1',
  '2001:0:4136:e378:8000:63bf:3fff:fdd2',
  '2001:2::1',
  '2001:db8::1',
  '2002:7f00:1::1',
  '2002:808:808::1',
  '3fff::1',
  '5f00::1',
  'fd00:ec2::254',
  'fd00:0ec2:0:0:0:0:0:0254',
  'fd20:ce::254',
  'fec0::1',
  'ff02::1',
  'ff0e::1',
  '',
  'localhost',
  '127.0.0.1:80',
  '[::1]',
  '::999.1.1.1',
];

const octet = fc.integer({ min: 0, max: 255 });
const version4 = fc.tuple(octet, octet, octet, octet).map((octets) => octets.join('.'));

describe('an address', () => {
  for (const [kind, addresses] of Object.entries({ public: PUBLIC, private: PRIVATE, forbidden: FORBIDDEN })) {
    for (const address of addresses) {
      test(`"${address}" is ${kind}`, () => assert.equal(judgeAddress(address).kind, kind));
    }
  }

  test('is judged the same when an IPv6 form carries it that the kernel would follow', () => {
    fc.assert(
      fc.property(version4, fc.constantFrom('::ffff:', '64:ff9b::'), (address, prefix) => {
        assert.deepEqual(judgeAddress(`${prefix}${address}`), judgeAddress(address));
      }),
    );
  });

  test('is never public inside a tunnel or a deprecated form, whatever it carries', () => {
    const hex = fc.integer({ min: 0, max: 0xffff }).map((part) => part.toString(16));
    fc.assert(
      fc.property(version4, hex, hex, (address, one, two) => {
        for (const form of [
          `::${address}`,
          `::ffff:0:${address}`,
          `2002:${one}:${two}::1`,
          `2001:0:${one}:${two}::1`,
        ]) {
          assert.notEqual(judgeAddress(form).kind, 'public', form);
        }
      }),
    );
  });

  test('is never public in a private IPv4 network', () => {
    const network = fc.constantFrom('10', '127', '0', '192.168', '169.254', '172.16', '100.64', '224', '255');
    fc.assert(
      fc.property(network, octet, octet, octet, (prefix, a, b, c) => {
        const address = [...prefix.split('.'), a, b, c].slice(0, 4).join('.');
        assert.notEqual(judgeAddress(address).kind, 'public', address);
      }),
    );
  });

  test('is judged without a fault, whatever is given', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.ipV6(), fc.ipV4Extended()), (text) => {
        assert.match(judgeAddress(text).kind, /^(public|private|forbidden)$/);
      }),
    );
  });
});
