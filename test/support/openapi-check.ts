import { Compile } from 'typebox/schema';

interface Document {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, object>> };
}

export interface Operation {
  readonly operationId?: string;
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, { readonly schema: object }>> }>>;
}

/** An OpenAPI document that answers can be held against. */
export class OpenApiCheck {
  readonly document: Document;
  readonly #validators = new Map<object, { Errors(value: unknown): [boolean, unknown[]] }>();

  constructor(document: Document) {
    this.document = document;
  }

  /** Every operation with its method and path template. */
  *operations(): Generator<{ method: string; path: string; operation: Operation }> {
    for (const [path, methods] of Object.entries(this.document.paths)) {
      for (const [method, operation] of Object.entries(methods)) yield { method, path, operation };
    }
  }

  /** What is wrong with a JSON answer; undefined when it is as documented, or when no route takes the path. */
  problemOf(method: string, path: string, status: number, body: unknown): string | undefined {
    const operation = this.#operationAt(method.toLowerCase(), path);
    if (operation === undefined) return undefined;
    const response = operation.responses[status] ?? operation.responses[`${String(status)[0]}XX`];
    const schema = response?.content?.['application/json']?.schema;
    if (schema === undefined) return `${method} ${path} answered ${status}, which ${operation.operationId} does not document`;
    const [ok, errors] = this.#validator(schema).Errors(body);
    return ok ? undefined : `${method} ${path} answered ${status} with ${JSON.stringify(body)}: ${JSON.stringify(errors)}`;
  }

  #operationAt(method: string, path: string): Operation | undefined {
    const actual = path.split('?')[0]?.split('/') ?? [];
    const found = Object.entries(this.document.paths).find(([template]) => {
      const expected = template.split('/');
      return expected.length === actual.length && expected.every((part, i) => part.startsWith('{') || part === actual[i]);
    });
    return found?.[1][method];
  }

  #validator(schema: object) {
    const known = this.#validators.get(schema);
    if (known !== undefined) return known;
    // References are to `#/components/…`: they are resolved within the schema that is compiled.
    const validator = Compile({ ...schema, components: this.document.components });
    this.#validators.set(schema, validator);
    return validator;
  }
}
