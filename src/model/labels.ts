/** User-defined labels of a sandbox or snapshot. */
export type Labels = Readonly<Record<string, string>>;

/** Pattern of a label key: 1–63 letters, digits and `. _ - /`; begins and ends with a letter or digit. */
export const LABEL_KEY_PATTERN = '^[A-Za-z0-9]([A-Za-z0-9._/-]{0,61}[A-Za-z0-9])?$';
/**
 * Pattern of a label value: up to 255 characters, none of them a control character or half a surrogate pair, which
 * no encoding can carry. It means the same with and without the `u` flag.
 */
export const LABEL_VALUE_PATTERN = '^([^\\u0000-\\u001f\\u007f\\ud800-\\udfff]|[\\ud800-\\udbff][\\udc00-\\udfff]){0,255}$';
/** Most labels on one object. */
export const MAX_LABELS = 64;
/** Pattern of a snapshot's name: 1–128 letters, digits and `. _ - :`; begins with a letter or digit. */
export const NAME_PATTERN = '^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$';
