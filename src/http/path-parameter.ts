/** A parameter of the path as its client means it. Broken encoding is left as it is: no id looks like it, so its parser refuses it. */
export const decodeOnce = (text: string): string => {
  try {
    return decodeURIComponent(text);
  } catch {
    // The caller's parser refuses it.
    return text;
  }
};
