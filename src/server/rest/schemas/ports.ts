import { Type } from 'typebox';
import { SandboxParams } from './common.ts';
import { PORT_PATTERN } from './patterns.ts';

export const PortParams = Type.Object({
  ...SandboxParams.properties,
  port: Type.String({ pattern: PORT_PATTERN, description: 'A TCP port in the sandbox, 1-65535.' }),
});
