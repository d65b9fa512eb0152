import { z } from 'zod';

const QUESTION_UNITS = 20_000;

/** The input of a run. */
export const question = z.string().trim().max(QUESTION_UNITS);

/** Beside the contract: what happens when the session has other work. */
export const ifBusy = z.enum(['enqueue', 'reject', 'interrupt', 'steer', 'merge', 'drop']);
