interface Process {
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** A variable of the process's environment; undefined when unset, empty, or where there is no process, as in a browser. */
export function environmentVariable(name: string): string | undefined {
  const { process } = globalThis as { process?: Process };
  return process?.env?.[name] || undefined;
}
