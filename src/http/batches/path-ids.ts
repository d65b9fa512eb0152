import type { FastifyRequest } from 'fastify';
import { KaziError } from '../../core/errors.ts';
import { isProfileId } from '../../core/profile-id.ts';
import { decodeOnce } from '../path-parameter.ts';
import { agentIdFault } from './shape.ts';
import { uuidAfter } from './wire-id.ts';

const parameterOf = (request: FastifyRequest, name: string): string =>
  decodeOnce((request.params as Readonly<Record<string, string>>)[name] ?? '');

/** The agent that the path names. Throws INVALID_SHAPE. */
export const readAgentId = (request: FastifyRequest): string => {
  const id = parameterOf(request, 'agentId');
  if (!isProfileId(id)) throw agentIdFault();
  return id;
};

const BATCH_ID = { name: 'batchId', prefix: 'job-', kind: 'job' } as const;
const RUN_ID = { name: 'runId', prefix: 'run-', kind: 'run' } as const;

/** The UUID of the batch, or the run, that the path names. Throws INVALID_REQUEST in the contract's words. */
export const readRecordId = (request: FastifyRequest, record: 'batch' | 'run'): string => {
  const { name, prefix, kind } = record === 'batch' ? BATCH_ID : RUN_ID;
  const text = parameterOf(request, name);
  const id = uuidAfter(text, prefix);
  if (id !== null) return id;
  const message = `INVALID_ARGUMENT: Invalid ${kind} ID format: ${text}. Expected format: '${prefix}<uuid4>'`;
  throw new KaziError('INVALID_REQUEST', { message });
};
