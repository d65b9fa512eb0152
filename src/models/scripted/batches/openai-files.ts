import type { IncomingMessage } from 'node:http';
import { newId } from '../new-id.ts';
import { readBytes } from '../read-body.ts';
import { WireError } from '../wire-error.ts';

/** OpenAI's limit for the input of a batch is 200 MB; the form around it is small. */
const MAX_BYTES = 201 * 1024 * 1024;

/** A file that was uploaded, or that a batch left. */
export interface ScriptedFile {
  readonly id: string;
  readonly filename: string;
  readonly purpose: string;
  readonly createdAt: Date;
  readonly content: string;
}

/** OpenAI's files, as far as batches need them. */
export class ScriptedFiles {
  readonly #files = new Map<string, ScriptedFile>();
  readonly #made = new Map<string, ScriptedFile>();

  add(parts: Pick<ScriptedFile, 'filename' | 'purpose' | 'content'>): ScriptedFile {
    const file = { ...parts, id: newId('file-'), createdAt: new Date() };
    this.#files.set(file.id, file);
    return file;
  }

  /** The file that is made of something, by a key of its own: the same whenever it is asked for. */
  of(key: string, parts: Pick<ScriptedFile, 'filename' | 'purpose' | 'content'>): ScriptedFile {
    const made = this.#made.get(key) ?? this.add(parts);
    this.#made.set(key, made);
    return made;
  }

  get(id: string): ScriptedFile {
    const file = this.#files.get(id);
    if (file === undefined) throw new WireError(404, `No such File object: ${id}`, { code: 'not_found' });
    return file;
  }

  delete(id: string): void {
    this.#files.delete(id);
  }
}

/** The file of an upload form. Throws WireError for what OpenAI refuses. */
export const readUpload = async (
  request: IncomingMessage,
): Promise<Pick<ScriptedFile, 'filename' | 'purpose' | 'content'>> => {
  const type = request.headers['content-type'] ?? '';
  const bytes = await readBytes(request, MAX_BYTES);
  if (!type.startsWith('multipart/form-data')) {
    throw new WireError(400, `Invalid content type "${type}"; expected multipart/form-data.`);
  }
  let form: FormData;
  try {
    form = await new Response(new Uint8Array(bytes), { headers: { 'content-type': type } }).formData();
  } catch {
    throw new WireError(400, 'Could not parse multipart form.');
  }
  const purpose = form.get('purpose');
  const file = form.get('file');
  if (typeof purpose !== 'string') throw new WireError(400, "Missing required parameter: 'purpose'.");
  if (file === null || typeof file === 'string') throw new WireError(400, "Missing required parameter: 'file'.");
  return { filename: file.name, purpose, content: await file.text() };
};

/** A file as OpenAI shows it. */
export const fileView = (file: ScriptedFile): unknown => ({
  id: file.id,
  object: 'file',
  bytes: Buffer.byteLength(file.content),
  created_at: Math.floor(file.createdAt.getTime() / 1000),
  expires_at: null,
  filename: file.filename,
  purpose: file.purpose,
  status: 'processed',
  status_details: null,
});
