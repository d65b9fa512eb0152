import type { EgressPolicy } from '../core/agent.ts';

export type PolicyVerdict =
  | { readonly isAllowed: false; readonly reason: string }
  /** `namesHost`: the policy lists this very host, not just a wildcard that covers it. */
  | { readonly isAllowed: true; readonly namesHost: boolean };

/** Names by which clouds offer the credentials of a machine, wherever they resolve to. */
const METADATA_NAMES: ReadonlySet<string> = new Set([
  'metadata',
  'metadata.google.internal',
  'metadata.goog',
  'instance-data',
  'instance-data.ec2.internal',
]);

const DEFAULT_PORTS: Readonly<Record<string, string>> = { 'http:': '80', 'https:': '443' };
const HOST_RULE = /^(?<wildcard>\*\.)?(?<host>\[[^\]]+\]|[^:[\]]+)(?::(?<port>\d{1,5}))?$/;

/** What a policy says of a URL by its name alone; the addresses behind it are judged apart. */
export const judgeByPolicy = (url: URL, policy: EgressPolicy): PolicyVerdict => {
  const host = canonicalHost(url.hostname);
  if (METADATA_NAMES.has(host)) return { isAllowed: false, reason: 'it is the metadata server of a cloud' };
  if (policy.kind === 'none') return { isAllowed: false, reason: 'the egress policy of this agent allows no host' };
  if (policy.kind === 'public') return { isAllowed: true, namesHost: false };
  const port = url.port === '' ? (DEFAULT_PORTS[url.protocol] ?? '') : url.port;
  const matches = policy.hosts.map((rule) => matchRule(rule, host, port)).filter((match) => match !== null);
  if (matches.length > 0) return { isAllowed: true, namesHost: matches.includes('name') };
  const allowed = policy.hosts.length === 0 ? 'no host' : policy.hosts.join(', ');
  return { isAllowed: false, reason: `the egress policy of this agent allows ${allowed}` };
};

/** Without a port a rule covers all ports. A rule that cannot be read covers nothing. */
const matchRule = (rule: string, host: string, port: string): 'name' | 'wildcard' | null => {
  // A bare IPv6 address has colons, but no port.
  const bracketed = rule.split(':').length > 2 && !rule.includes('[') ? `[${rule}]` : rule;
  const parts = HOST_RULE.exec(bracketed)?.groups;
  const ruleHost = readHost(parts?.['host'] ?? '');
  if (ruleHost === null || (parts?.['port'] !== undefined && Number(parts['port']) !== Number(port))) return null;
  if (parts?.['wildcard'] === undefined) return ruleHost === host ? 'name' : null;
  return host.endsWith(`.${ruleHost}`) ? 'wildcard' : null;
};

/** Spelled as URLs spell it: lower case, punycode, plain IP addresses. */
const readHost = (host: string): string | null => {
  const url = URL.parse(`http://${host}/`);
  return url === null || url.hostname === '' || url.pathname !== '/' ? null : canonicalHost(url.hostname);
};

const canonicalHost = (hostname: string): string => hostname.replace(/\.$/, '');
