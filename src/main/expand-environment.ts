export type Environment = Readonly<Record<string, string | undefined>>;

const REFERENCE = /\$(\$?)\{([A-Za-z_][A-Za-z0-9_]*)\}/g;

/**
 * `value` with every `${NAME}` in its strings, at any depth, replaced by that environment variable; `$${NAME}` stands for
 * the text `${NAME}`. What is put in is not looked at again. `onMissing` hears of each variable that is not set, with the
 * place of its use, such as `executor.join_token`.
 */
export function expandEnvironment(
  value: unknown,
  env: Environment,
  onMissing: (name: string, variable: string) => void,
  path: readonly string[] = [],
): unknown {
  if (typeof value === 'string') {
    return value.replace(REFERENCE, (reference, escaped: string, variable: string) => {
      if (escaped !== '') return reference.slice(1);
      const found = env[variable];
      if (found === undefined) onMissing(path.join('.'), variable);
      return found ?? '';
    });
  }
  if (Array.isArray(value)) return value.map((item, index) => expandEnvironment(item, env, onMissing, [...path, String(index)]));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, expandEnvironment(inner, env, onMissing, [...path, key])]));
}
