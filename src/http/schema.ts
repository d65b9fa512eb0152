import { z } from 'zod';

/** Text that can be stored as it is: PostgreSQL takes neither NUL nor unpaired surrogates. */
export const storableText = z.string().refine((text) => text.isWellFormed() && !text.includes('\0'));
