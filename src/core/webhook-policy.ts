import type { EgressPolicy } from './agent.ts';

/** What the egress is told of a webhook: any public host; where the operator allows private ones, this very host, by name. */
export const webhookPolicy = (url: string, allowPrivate: boolean): EgressPolicy =>
  allowPrivate ? { kind: 'hosts', hosts: [new URL(url).host] } : { kind: 'public' };
