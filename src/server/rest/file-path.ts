import { invalidField } from './invalid-request.ts';
import { MAX_PATH_BYTES } from './schemas/file.ts';

/** A path of a request: the schema bounds its characters, this its bytes. @throws SandglassError `invalid_request`. */
export function checkPath(field: string, path: string): string {
  const bytes = Buffer.byteLength(path);
  if (bytes <= MAX_PATH_BYTES) return path;
  throw invalidField(field, `${field} must be at most ${MAX_PATH_BYTES} bytes long (got ${bytes})`);
}
