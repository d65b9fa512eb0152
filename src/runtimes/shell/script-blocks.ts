/**
 * The steps of a shell job: the bodies of its fenced ```sh blocks (also ```bash and ```shell) in order, when it holds
 * several; else the whole input is one step (operations contract, "Shell agent"). An unclosed fence runs to the end.
 */
export const scriptBlocks = (input: string): readonly string[] => {
  const blocks: string[] = [];
  let open: { readonly fence: string; readonly lines: string[] } | undefined;
  for (const line of input.split('\n')) {
    if (open === undefined) {
      const fence = /^ {0,3}(`{3,})(?:sh|bash|shell)\s*$/.exec(line)?.[1];
      if (fence !== undefined) open = { fence, lines: [] };
    } else if (new RegExp(`^ {0,3}\`{${open.fence.length},}\\s*$`).test(line)) {
      blocks.push(open.lines.join('\n'));
      open = undefined;
    } else {
      open.lines.push(line);
    }
  }
  if (open !== undefined) blocks.push(open.lines.join('\n'));
  return blocks.length > 1 ? blocks : [input];
};
