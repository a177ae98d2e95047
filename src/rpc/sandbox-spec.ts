import { create } from '@bufbuild/protobuf';
import type { SandboxSpec } from '../model/sandbox.ts';
import { boundedList, boundedText, int64, malformed, positiveNumber, wholeNumber } from './checks.ts';
import { type SandboxSpec as SandboxSpecProto, SandboxSpecSchema } from './gen/sandglass/v1/executor_pb.js';

const MAX_ARGUMENTS = 10_000;
/** All of one list or map together. The kernel takes no more (ARG_MAX), and it keeps messages far below their bound. */
const MAX_TOTAL = 2 * 1024 * 1024;
const MAX_TEXT = 4096;
/** The kernel takes no longer argument or variable (MAX_ARG_STRLEN). */
const MAX_ARGUMENT = 128 * 1024;

export function sandboxSpecToProto(spec: SandboxSpec): SandboxSpecProto {
  return create(SandboxSpecSchema, {
    image: spec.image,
    cpus: spec.resources.cpus,
    memoryMb: int64(spec.resources.memoryMb),
    diskMb: int64(spec.resources.diskMb ?? 0),
    env: { ...spec.env },
    entrypoint: [...(spec.entrypoint ?? [])],
    workdir: spec.workdir ?? '',
    user: spec.user ?? '',
    allowInternetAccess: spec.network.allowInternetAccess,
    runtime: spec.runtime ?? '',
  });
}

/**
 * The specification as an executor needs it. What only the server acts upon (secret names, timeouts, exposed ports) is
 * not sent: it is empty here.
 */
export function parseSandboxSpec(spec: SandboxSpecProto): SandboxSpec {
  const entrypoint = parseArguments('spec.entrypoint', spec.entrypoint);
  const diskMb = wholeNumber('spec.disk_mb', spec.diskMb);
  return {
    image: boundedText('spec.image', spec.image, MAX_TEXT),
    resources: {
      cpus: positiveNumber('spec.cpus', spec.cpus),
      memoryMb: wholeNumber('spec.memory_mb', spec.memoryMb),
      ...(diskMb > 0 ? { diskMb } : {}),
    },
    env: parseEnv('spec.env', spec.env),
    secretNames: [],
    ...(entrypoint.length > 0 ? { entrypoint } : {}),
    ...optionalText('workdir', spec.workdir),
    ...optionalText('user', spec.user),
    timeoutSecs: 0,
    onTimeout: 'terminate',
    network: { allowInternetAccess: spec.allowInternetAccess },
    exposedPorts: [],
    ...optionalText('runtime', spec.runtime),
  };
}

/** A program and its arguments. */
export function parseArguments(field: string, values: readonly string[]): string[] {
  checkTotal(field, values);
  return boundedList(field, values, MAX_ARGUMENTS, (value) => boundedText(field, value, MAX_ARGUMENT));
}

/** Environment variables. */
export function parseEnv(field: string, env: Readonly<Record<string, string>>): Record<string, string> {
  checkTotal(field, Object.entries(env).flat());
  const entries = boundedList(field, Object.entries(env), MAX_ARGUMENTS, ([name, value]) => [
    boundedText(field, name, MAX_TEXT),
    boundedText(field, value, MAX_ARGUMENT),
  ]);
  return Object.fromEntries(entries);
}

function checkTotal(field: string, texts: readonly string[]): void {
  const total = texts.reduce((sum, text) => sum + text.length, 0);
  if (total > MAX_TOTAL) throw malformed(field, `is longer than ${MAX_TOTAL} characters in all`);
}

/** Text that is absent when it is empty. */
export function optionalText<K extends string>(field: K, value: string): { readonly [P in K]?: string } {
  return value === '' ? {} : ({ [field]: boundedText(field, value, MAX_TEXT) } as { readonly [P in K]: string });
}
