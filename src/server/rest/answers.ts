import { type TSchema, Type } from 'typebox';
import { ErrorAnswer } from './schemas/common.ts';
import { ref } from './schemas/named.ts';

/** What every route can answer besides its own: errors. */
const errorResponses = { '4xx': ref(ErrorAnswer), '5xx': ref(ErrorAnswer) };

/** The responses of a route: its own by status, and the errors. */
export function responses<R extends Readonly<Record<number, TSchema>>>(own: R): R & typeof errorResponses {
  return { ...own, ...errorResponses };
}

/** The responses of a route that answers with an event stream, or with `schema` as well. */
export function streamResponses(schema?: TSchema) {
  const stream = { 'text/event-stream': { schema: { type: 'string' } } };
  const content = schema === undefined ? stream : { 'application/json': { schema }, ...stream };
  return { 200: { description: 'OK', content }, ...errorResponses };
}

/** The responses of a route that answers with bytes; with `partial`, also with some of them. */
export function bytesResponses(type: string, ...partial: readonly 206[]) {
  const content = { [type]: { schema: Type.Unsafe<unknown>({}) } };
  const found = { description: 'The bytes.', content };
  const ranges = partial.map((status) => [status, { description: 'The bytes of the range.', content }]);
  return { 200: found, ...Object.fromEntries(ranges), ...errorResponses };
}
