import { type Static, type TSchema, type TUnsafe, Type } from 'typebox';

/** A reference to a schema with an `$id`, with its type: how routes name the schemas that become OpenAPI components. */
export function ref<S extends TSchema & { $id: string }>(schema: S): TUnsafe<Static<S>> {
  return Type.Unsafe<Static<S>>({ $ref: `${schema.$id}#` });
}

/** Gives `schema` the name `$id`. Not a copy: TypeBox keeps what a schema is in properties that a copy leaves out. */
export function named<S extends TSchema>($id: string, schema: S): S & { $id: string } {
  return Object.assign(schema, { $id });
}

/** A string out of `values`. */
export function oneOf<const T extends string>(values: readonly T[], options: { description?: string } = {}): TUnsafe<T> {
  return Type.Unsafe<T>({ type: 'string', enum: [...values], ...options });
}

/** An object with any keys that hold what `value` says. */
export function mapOf<S extends TSchema>(value: S, options: object = {}): TUnsafe<Readonly<Record<string, Static<S>>>> {
  return Type.Unsafe<Readonly<Record<string, Static<S>>>>({ type: 'object', additionalProperties: value, ...options });
}
