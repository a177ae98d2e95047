import { Type } from 'typebox';
import { named, oneOf } from './named.ts';

export const Health = named('Health', Type.Object({ status: oneOf(['ok']) }));

export const Readiness = named(
  'Readiness',
  Type.Object({
    ready: Type.Boolean(),
    reasons: Type.Array(Type.String(), { description: 'Why it is not ready.' }),
    executors_online: Type.Optional(Type.Integer()),
  }),
);

export const Version = named('Version', Type.Object({ name: oneOf(['sandglass']), version: Type.String(), api: oneOf(['v1']) }));

export const systemSchemas = [Health, Readiness, Version];
