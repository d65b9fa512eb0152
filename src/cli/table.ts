import { clip, harmless, type Output } from './terminal.ts';

/** Columns by title; each cell is one line of text. */
export interface Table {
  readonly titles: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

const GAP = '  ';

/** Writes rows in columns, the last one cut at the edge of a terminal. Without rows, only the titles. */
export const writeTable = (output: Output, { titles, rows }: Table): void => {
  const cells = rows.map((row) => row.map((cell) => harmless(cell).replaceAll(/\s+/g, ' ')));
  const widths = titles.map((title, column) => Math.max(title.length, ...cells.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string => {
    const text = row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join(GAP)
      .trimEnd();
    return output.isRich ? clip(text, output.columns) : text;
  };
  output.write(`${output.style('bold', line(titles))}\n`);
  for (const row of cells) output.write(`${line(row)}\n`);
};

/** Writes a value as JSON that both people and programs read. */
export const writeJson = (output: Output, value: unknown): void => output.write(`${JSON.stringify(value, null, 2)}\n`);
