import type { LabelCondition } from '../../control/requests.ts';
import { LABEL_KEY_PATTERN, LABEL_VALUE_PATTERN, type Labels } from '../../model/labels.ts';
import { invalidField } from './invalid-request.ts';
import { wordsOf } from './schemas/patterns.ts';

/** Label values stand in keys of the store, percent-encoded, and those have a limit. ASCII letters count once, others up to 12 times. */
const MAX_ENCODED_VALUE_LENGTH = 600;

/** `labels` as they are, when the store can index them. Their patterns have been checked. */
export function checkLabels(labels: Labels | undefined): Labels | undefined {
  for (const [key, value] of Object.entries(labels ?? {})) checkLength(`labels.${key}`, value);
  return labels;
}

/** Conditions from `key=value` texts of a query. */
export function parseLabelConditions(texts: readonly string[] | undefined): readonly LabelCondition[] | undefined {
  return texts?.map((text) => {
    const equals = text.indexOf('=');
    const [key, value] = [text.slice(0, equals), text.slice(equals + 1)];
    if (equals < 0) throw invalidField('label', `label must be written key=value (got ${JSON.stringify(text)})`);
    if (!new RegExp(LABEL_KEY_PATTERN).test(key)) throw invalidField('label', `the key of label must be ${wordsOf(LABEL_KEY_PATTERN)}`);
    if (!new RegExp(LABEL_VALUE_PATTERN).test(value))
      throw invalidField('label', `the value of label must be ${wordsOf(LABEL_VALUE_PATTERN)}`);
    checkLength('label', value);
    return { key, value };
  });
}

function checkLength(field: string, value: string): void {
  const length = encodeURIComponent(value).length;
  if (length <= MAX_ENCODED_VALUE_LENGTH) return;
  throw invalidField(
    field,
    `${field} is too long: ${length} bytes percent-encoded, where ${MAX_ENCODED_VALUE_LENGTH} are allowed; shorten it`,
  );
}
