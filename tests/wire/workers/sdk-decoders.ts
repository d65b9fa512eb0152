/**
 * The decoders of the seed SDKs, as their generator wrote them: what they do with lines that they do not expect is the
 * reason for the form of our streams. Both throw what JSON.parse throws.
 */

/** TypeScript: an event at every blank line that follows some field with a value. */
export const decodeAsTypeScript = (text: string): unknown[] => {
  const items: unknown[] = [];
  let event: string | null = null;
  let data: string[] = [];
  for (const line of text.split(/\r\n|\n|\r/)) {
    if (line === '') {
      if (event === null && data.length === 0) continue;
      const found = data.join('\n');
      if (found.startsWith('[DONE]')) return items;
      if (event === null) items.push(JSON.parse(found));
      event = null;
      data = [];
      continue;
    }
    if (line.startsWith(':')) continue;
    const [name, value] = fieldOf(line);
    if (name === 'event') event = value;
    if (name === 'data') data.push(value);
  }
  return items;
};

/** Python: the last id is never forgotten, so from the first one on every blank line is an event, with data or without. */
export const decodeAsPython = (text: string): unknown[] => {
  const items: unknown[] = [];
  let event: string | null = null;
  let data: string[] = [];
  let lastId: string | null = null;
  for (const line of text.split(/\r\n|\n|\r/).slice(0, -1)) {
    if (line === '') {
      if (event === null && data.length === 0 && lastId === null) continue;
      const found = data.join('\n');
      if (found.startsWith('[DONE]')) return items;
      items.push(JSON.parse(found));
      event = null;
      data = [];
      continue;
    }
    if (line.startsWith(':')) continue;
    const [name, value] = fieldOf(line);
    if (name === 'event') event = value;
    if (name === 'data') data.push(value);
    if (name === 'id') lastId = value;
  }
  return items;
};

const fieldOf = (line: string): readonly [string, string] => {
  const at = line.indexOf(':');
  if (at < 0) return [line, ''];
  const value = line.slice(at + 1);
  return [line.slice(0, at), value.startsWith(' ') ? value.slice(1) : value];
};
