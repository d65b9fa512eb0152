import { stripVTControlCharacters, styleText } from 'node:util';

type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';

/** Where a command writes: plain text, and colour where the stream is a terminal that shows it. */
export interface Output {
  /** True on a terminal with colours; NO_COLOR and TERM=dumb make it false. */
  readonly isRich: boolean;
  readonly columns: number;
  readonly write: (text: string) => void;
  readonly style: (style: Style, text: string) => string;
}

/** An output over one of the process's own streams. */
export const outputOf = (stream: NodeJS.WriteStream): Output => {
  // hasColors knows NO_COLOR, FORCE_COLOR and the terminals without any.
  const isRich = stream.isTTY === true && stream.hasColors();
  return {
    isRich,
    get columns() {
      return stream.columns || 80;
    },
    write: (text) => void stream.write(text),
    style: (style, text) => (isRich ? styleText(style, text, { validateStream: false }) : text),
  };
};

/**
 * Text of a job without the characters that command a terminal. What a job writes is not ours: an escape sequence in it
 * could rename the window, hide lines or answer for the user.
 */
export const harmless = (text: string): string =>
  // Sequences go as a whole, so that their parameters do not remain as litter; then all else that is no text.
  stripVTControlCharacters(text)
    .replaceAll('\r\n', '\n')
    .replaceAll(/(?![\t\n])[\p{Cc}\p{Bidi_Control}]/gu, '');

/** At most `columns` characters of one line, with a mark where it was cut. */
export const clip = (line: string, columns: number): string => {
  const characters = Array.from(line.replaceAll('\t', '  '));
  return characters.length <= columns
    ? characters.join('')
    : `${characters.slice(0, Math.max(0, columns - 1)).join('')}…`;
};
