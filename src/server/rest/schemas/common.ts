import { Type } from 'typebox';
import { LABEL_KEY_PATTERN, LABEL_VALUE_PATTERN, MAX_LABELS } from '../../../model/labels.ts';
import { mapOf, named } from './named.ts';
import { ENV_NAME_PATTERN, TEXT_PATTERN } from './patterns.ts';

/** Ten years: longer than anything here lives, short enough for every calculation with it. */
export const MAX_SECS = 315_360_000;
/** Longest `wait`, in seconds. */
const MAX_WAIT_SECS = 600;
export const DEFAULT_WAIT_SECS = 60;

const closed = { additionalProperties: false };

export const Time = Type.Integer({ description: 'Epoch milliseconds.' });
export const LabelsAnswer = mapOf(Type.String());
export const EnvAnswer = mapOf(Type.String());

export const LabelsInput = mapOf(Type.String({ pattern: LABEL_VALUE_PATTERN }), {
  propertyNames: { pattern: LABEL_KEY_PATTERN },
  maxProperties: MAX_LABELS,
  description: 'Labels of your own, to find it by.',
});

/** Environment variables: at most 256, with values of up to 128 KiB. */
export const envInput = (description: string) =>
  mapOf(Type.String({ pattern: TEXT_PATTERN, maxLength: 131_072 }), {
    propertyNames: { pattern: ENV_NAME_PATTERN },
    maxProperties: 256,
    description,
  });

export const ErrorAnswer = named(
  'Error',
  Type.Object({
    error: Type.Object({
      code: Type.String({ description: 'The canonical gRPC code in snake_case.' }),
      reason: Type.String({ description: 'What exactly is wrong; docs/errors.md lists every reason.' }),
      message: Type.String({ description: 'What is wrong and what to do about it, for people.' }),
      details: Type.Optional(Type.Object({}, { additionalProperties: true, description: 'Facts about it, for programs.' })),
    }),
  }),
);

const namespace = Type.String({ description: 'The tenant: 1-63 lower-case letters, digits and hyphens.' });
export const NamespaceParams = Type.Object({ namespace });
export const SandboxParams = Type.Object({ namespace, sandbox_id: Type.String() });
export const SnapshotParams = Type.Object({ namespace, snapshot_id: Type.String() });
export const ExecutorParams = Type.Object({ executor_id: Type.String() });

export const IdempotencyHeaders = Type.Object({
  'idempotency-key': Type.Optional(
    Type.String({
      description:
        '1-255 characters of your choice. A repetition with the same key within 24 hours is not carried out again, but answered as ' +
        'the first was, with `Idempotency-Replayed: true`; the key with another request is 409. Server errors are not kept.',
    }),
  ),
});

/** Body of POSTs that take nothing. */
export const NoFields = named('NoFields', Type.Object({}, closed));

/** Query of routes that take nothing: what is misspelt is refused everywhere. */
export const NoQuery = Type.Object({}, closed);

/** Answer without a body, with 204. */
export const NoContent = Type.Null({ description: 'Done.' });

export const pageQuery = {
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, default: 100, description: 'Most items on a page.' })),
  cursor: Type.Optional(Type.String({ minLength: 1, maxLength: 2048, description: 'The `next_cursor` of the page before.' })),
};

export const labelQuery = {
  label: Type.Optional(
    Type.Array(Type.String({ maxLength: 512 }), {
      maxItems: MAX_LABELS,
      description: 'Only those with the label `key=value`. May be repeated: all of them hold.',
    }),
  ),
};

/** The query of a route that can wait: for which status, and for how long. */
export function waitQuery(statuses: readonly string[]) {
  return Type.Object(
    {
      wait: Type.Optional(
        Type.Unsafe<string>({
          type: 'string',
          enum: [...statuses],
          description:
            'Answers once it is there: 200 when it is, 202 with the object as it is when the time is up, an error when it failed.',
        }),
      ),
      timeout_secs: Type.Optional(
        Type.Number({ minimum: 0, maximum: MAX_WAIT_SECS, default: DEFAULT_WAIT_SECS, description: 'Longest wait.' }),
      ),
    },
    closed,
  );
}

/** Options of an object that takes no other fields than its own. */
export { closed };
