/** One word of a shell's language that means exactly this text. */
export const quoteWord = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`;
