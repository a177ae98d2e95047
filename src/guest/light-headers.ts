/** What a `Headers` can be made from. */
type HeadersSource = Headers | Iterable<readonly [string, string]> | Readonly<Record<string, string>>;

/**
 * `Headers` of the fetch standard, as far as the Connect library uses them: names in lower case, values of one name joined
 * by a comma. Node's own bring its whole fetch client with them: 6 MB in every sandbox.
 */
export class LightHeaders {
  readonly #values = new Map<string, string>();

  constructor(source: HeadersSource = {}) {
    const pairs = Symbol.iterator in source ? source : Object.entries(source);
    for (const [name, value] of pairs) this.append(name, value);
  }

  append(name: string, value: string): void {
    const before = this.get(name);
    this.set(name, before === null ? `${value}` : `${before}, ${value}`);
  }

  delete(name: string): void {
    this.#values.delete(name.toLowerCase());
  }

  get(name: string): string | null {
    return this.#values.get(name.toLowerCase()) ?? null;
  }

  has(name: string): boolean {
    return this.#values.has(name.toLowerCase());
  }

  set(name: string, value: string): void {
    this.#values.set(name.toLowerCase(), `${value}`);
  }

  forEach(visit: (value: string, name: string, headers: this) => void): void {
    for (const [name, value] of this.#values) visit(value, name, this);
  }

  entries(): MapIterator<[string, string]> {
    return this.#values.entries();
  }

  keys(): MapIterator<string> {
    return this.#values.keys();
  }

  values(): MapIterator<string> {
    return this.#values.values();
  }

  [Symbol.iterator](): MapIterator<[string, string]> {
    return this.entries();
  }
}

/** Has everybody in this program use them instead of Node's. An assignment, because to define the property loads Node's. */
export function useLightHeaders(): void {
  globalThis.Headers = LightHeaders as unknown as typeof Headers;
}
