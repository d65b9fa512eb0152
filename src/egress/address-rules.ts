import ipaddr from 'ipaddr.js';

/**
 * What an IP address is to code that fetches for somebody else. `private`: a place that an operator may open on purpose.
 * `forbidden`: never, whoever asks.
 */
export type AddressVerdict =
  | { readonly kind: 'public' }
  | { readonly kind: 'private' | 'forbidden'; readonly reason: string };

/** Where clouds hand out the credentials of a machine; most lie in ranges that are refused anyway, Azure's does not. */
const METADATA_ADDRESSES: ReadonlySet<string> = new Set([
  '169.254.169.254',
  '169.254.170.2',
  '169.254.170.23',
  '169.254.0.23',
  '100.100.100.200',
  '168.63.129.16',
  '192.0.0.192',
  'fd00:ec2::254',
  'fd00:ec2::23',
  'fd20:ce::254',
]);

const PRIVATE_RANGES: Readonly<Record<string, string>> = {
  private: 'a private address',
  loopback: 'a loopback address',
  carrierGradeNat: 'an address of a carrier-grade NAT',
  linkLocal: 'a link-local address',
  uniqueLocal: 'a private address',
};

const FORBIDDEN_RANGES: Readonly<Record<string, string>> = {
  unspecified: 'the unspecified address',
  broadcast: 'the broadcast address',
  multicast: 'a multicast address',
  '6to4': 'a 6to4 address, which may stand for any IPv4 address',
  teredo: 'a Teredo address, which may stand for any IPv4 address',
};

/** Only here do public hosts have IPv6 addresses; old forms that embed an IPv4 address (`::a.b.c.d`, `::ffff:0:a.b.c.d`) lie outside. */
const GLOBAL_UNICAST = ipaddr.IPv6.parseCIDR('2000::/3');
/** Parts of it that belong to protocols, documentation and tunnels. */
const SPECIAL_UNICAST = ['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20'].map((range) =>
  ipaddr.IPv6.parseCIDR(range),
);
/** DNS64 answers with these for hosts that have only IPv4. */
const NAT64 = ipaddr.IPv6.parseCIDR('64:ff9b::/96');

/** Judges one address, as the resolver or a URL spells it. What cannot be read is forbidden. */
export const judgeAddress = (address: string): AddressVerdict => {
  const spelled = spellInHex(address);
  if (!ipaddr.isValid(spelled)) return forbidden('something that is no IP address');
  const parsed = ipaddr.parse(spelled);
  return 'octets' in parsed ? judgeVersion4(parsed) : judgeVersion6(parsed);
};

/** ipaddr.js reads `::1.2.3.4`, the deprecated form, as `::ffff:1.2.3.4`. */
const spellInHex = (address: string): string =>
  address.replace(/(?<=:)(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?=$|%)/, (_text, ...groups: string[]) => {
    const [a = 0, b = 0, c = 0, d = 0] = groups.slice(0, 4).map(Number);
    return [(a << 8) | b, (c << 8) | d].map((part) => part.toString(16)).join(':');
  });

const judgeVersion4 = (address: ipaddr.IPv4): AddressVerdict => {
  if (METADATA_ADDRESSES.has(address.toString())) return forbidden('the metadata address of a cloud');
  const range = address.range();
  return range === 'unicast' ? { kind: 'public' } : judgeRange(range);
};

const judgeVersion6 = (address: ipaddr.IPv6): AddressVerdict => {
  if (address.isIPv4MappedAddress() || address.match(NAT64)) return judgeVersion4(embeddedAddress(address));
  const plain = new ipaddr.IPv6(address.parts);
  if (METADATA_ADDRESSES.has(plain.toRFC5952String())) return forbidden('the metadata address of a cloud');
  const isPublic = address.match(GLOBAL_UNICAST) && !SPECIAL_UNICAST.some((range) => address.match(range));
  return isPublic ? { kind: 'public' } : judgeRange(address.range());
};

const judgeRange = (range: string): AddressVerdict => {
  const reason = PRIVATE_RANGES[range];
  return reason === undefined
    ? forbidden(FORBIDDEN_RANGES[range] ?? 'a reserved address')
    : { kind: 'private', reason };
};

const embeddedAddress = (address: ipaddr.IPv6): ipaddr.IPv4 => new ipaddr.IPv4(address.toByteArray().slice(-4));

const forbidden = (reason: string): AddressVerdict => ({ kind: 'forbidden', reason });
