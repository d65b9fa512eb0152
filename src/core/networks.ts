import ipaddr, { type IPv4, type IPv6 } from 'ipaddr.js';

/** Networks as a setting names them. */
export interface Networks {
  /** True for an address in one of them; a mapped IPv4 address counts as what it maps. */
  has(address: string): boolean;
}

const LOOPBACK = ['127.0.0.0/8', '::1/128'];

/** Addresses and networks (`10.0.0.0/8`), joined with commas; `loopback` is this machine. Null for a text that holds anything else. */
export const parseNetworks = (text: string): Networks | null => {
  const names = text.split(',').flatMap((name) => (name.trim() === 'loopback' ? LOOPBACK : [name.trim()]));
  const ranges: (readonly [IPv4 | IPv6, number])[] = [];
  for (const name of names) {
    const range = parseRange(name);
    if (range === null) return null;
    ranges.push(range);
  }
  return {
    has: (address) => {
      const found = parseAddress(address);
      return (
        found !== null &&
        ranges.some(
          ([network, bits]) => network.kind() === found.kind() && found.match([network, bits] as [IPv4 & IPv6, number]),
        )
      );
    },
  };
};

const parseAddress = (text: string): IPv4 | IPv6 | null => {
  try {
    return ipaddr.process(text);
  } catch {
    return null;
  }
};

const parseRange = (text: string): readonly [IPv4 | IPv6, number] | null => {
  try {
    if (text.includes('/')) return ipaddr.parseCIDR(text);
    const address = ipaddr.parse(text);
    return [address, address.kind() === 'ipv4' ? 32 : 128];
  } catch {
    return null;
  }
};
