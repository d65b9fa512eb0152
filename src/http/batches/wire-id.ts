import { isJobId } from '../../core/job-id.ts';

/** The UUID of an id such as `job-…`, in lower case; null for anything else. */
export const uuidAfter = (text: string, prefix: string): string | null => {
  const id = text.slice(prefix.length).toLowerCase();
  return text.startsWith(prefix) && isJobId(id) ? id : null;
};
