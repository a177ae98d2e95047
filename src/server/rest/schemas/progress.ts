import { Type } from 'typebox';
import { named } from './named.ts';

/** How far an operation is. */
export const Progress = named(
  'Progress',
  Type.Object({
    phase: Type.String(),
    bytes_done: Type.Integer(),
    bytes_total: Type.Optional(Type.Integer()),
    layers_done: Type.Optional(Type.Integer()),
    layers_total: Type.Optional(Type.Integer()),
  }),
);
