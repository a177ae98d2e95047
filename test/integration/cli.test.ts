import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { apiSandbox, SANDBOX_ID } from '../support/api-objects.ts';
import { FakeApi, type Route } from '../support/fake-api.ts';
import { type RunCliOptions, runCli } from '../support/run-cli.ts';

const NS = '/v1/namespaces/default';
const SANDBOX = `${NS}/sandboxes/${SANDBOX_ID}`;

let api: FakeApi;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sandglass-cli-'));
});
afterAll(() => rm(folder, { recursive: true }));
beforeEach(async () => {
  api = await FakeApi.start();
});
afterEach(() => api.close());

/** Runs the CLI against the fake server; `command` is split at spaces. */
function sandglass(command: string, { env, ...options }: RunCliOptions = {}) {
  return runCli(command.split(' '), { ...options, env: { SANDGLASS_URL: api.url, ...env } });
}
const answer =
  (status: number, body: unknown): Route =>
  (_request, reply) =>
    reply.json(status, body);

describe('usage', () => {
  test('output that nobody reads ends the command, and is no error', async () => {
    const sandbox = apiSandbox({ labels: { filler: 'x'.repeat(250) } });
    api.on(`GET ${NS}/sandboxes`, answer(200, { sandboxes: Array.from({ length: 1000 }, () => sandbox) }));
    const { code, stderr } = await sandglass('sandbox ls --limit 0 --json', { onStart: ({ stdout }) => stdout?.destroy() });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });

  test('--version prints the version alone', async () => {
    expect(await sandglass('--version')).toEqual({ code: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/), stderr: '' });
  });

  test('--help lists the commands, the environment and the exit codes', async () => {
    const { code, stdout } = await sandglass('--help');
    expect(code).toBe(0);
    for (const word of ['up', 'server', 'executor', 'config', 'key', 'doctor', 'sandbox', 'snapshot'])
      expect(stdout).toMatch(new RegExp(`^  ${word} `, 'm'));
    expect(stdout).toContain('SANDGLASS_API_KEY');
    expect(stdout).toMatch(/130 {2}interrupted/);
    expect(stdout).not.toContain('--api-key <');
  });

  test.each(['sandbox --help', 'help sandbox'])('%s lists its commands', async (command) => {
    const { code, stdout } = await sandglass(command);
    expect(code).toBe(0);
    for (const word of ['create', 'ls', 'get', 'exec', 'pause', 'resume', 'fork', 'rm'])
      expect(stdout).toMatch(new RegExp(`^  ${word} `, 'm'));
  });

  test.each([
    ['sandbx', /unknown command 'sandbx'/, /did you mean `sandbox`/],
    ['sandbox creat', /unknown command 'creat'/, /did you mean `create`/],
    ['sandbox ls --jsn', /unknown option '--jsn'/, /did you mean `--json`/],
    ['sandbox get', /missing required argument 'sandbox'/, /`sandglass sandbox get --help`/],
    ['sandbox create --cpus many', /'many' is invalid. It must be a number/, /`sandglass sandbox create --help`/],
    ['sandbox create --memory 5x', /Write it as 512, 512m or 2g/, /--help/],
    ['snapshot create sb-1 --ttl soon', /Write it as 90, 90s, 15m, 2h or 14d/, /--help/],
    ['sandbox create --env NOT_SET_ANYWHERE', /no variable NOT_SET_ANYWHERE/, /--help/],
    ['sandbox ls --status asleep', /Allowed choices are pending, starting/, /--help/],
  ])('`%s` is wrong usage, and says what to do', async (command, message, hint) => {
    const { code, stdout, stderr } = await sandglass(command);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^error: .*\nhint: .*\n$/);
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(hint);
    expect(api.requests).toEqual([]);
  });

  test('a group without a command shows its help as a mistake', async () => {
    const { code, stdout, stderr } = await sandglass('snapshot');
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain('restore');
  });
});

describe('failures', () => {
  test.each<[string, number, Route, RegExp]>([
    [
      'no such sandbox',
      3,
      (_r, reply) => reply.error(404, 'not_found', 'sandbox_not_found', 'no sandbox'),
      /^error: no sandbox\nhint: .*sandbox ls/,
    ],
    ['another failure', 1, (_r, reply) => reply.error(500, 'internal', 'internal', 'internal error'), /^error: internal error\n$/],
    [
      'a timeout of the server',
      4,
      (_r, reply) => reply.error(504, 'deadline_exceeded', 'deadline_exceeded', 'too late'),
      /^error: too late\n/,
    ],
    ['no key', 1, (_r, reply) => reply.error(401, 'unauthenticated', 'unauthenticated', 'no key'), /hint: set SANDGLASS_API_KEY/],
    ['no Sandglass', 1, (_r, reply) => reply.text(200, '<html>'), /is it a Sandglass server\?\nhint: check --url/],
  ])('%s ends with %i', async (_name, code, route, message) => {
    api.on(`GET ${SANDBOX}`, route);
    const result = await sandglass(`sandbox get ${SANDBOX_ID}`);
    expect(result).toMatchObject({ code, stdout: '' });
    expect(result.stderr).toMatch(message);
  });

  test('a server that is not there ends with 5, and says how to start one', async () => {
    await api.close();
    const { code, stderr } = await sandglass('sandbox ls');
    expect(code).toBe(5);
    expect(stderr).toMatch(new RegExp(`^error: cannot reach ${api.url}.*\nhint: is it running\\? start it with \`sandglass up\``));
    api = await FakeApi.start();
  });

  test('what a server says cannot drive the terminal', async () => {
    api.on(`GET ${SANDBOX}`, (_request, reply) => reply.error(500, 'internal', 'internal', 'a\u001b[2Jb\u202ec'));
    expect((await sandglass(`sandbox get ${SANDBOX_ID}`)).stderr).toBe('error: a\\x1b[2Jb\\u{202e}c\n');
  });

  test('an unusable URL is wrong usage', async () => {
    expect(await sandglass('sandbox ls --url localhost:1')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('not the URL of a server'),
    });
  });
});

describe('connection', () => {
  test('options come before the environment, and the key from a file', async () => {
    const keyFile = join(folder, 'key');
    await writeFile(keyFile, 'sg_from_file\n');
    api.on('GET /v1/namespaces/team-a/sandboxes', answer(200, { sandboxes: [] }));
    const env = { SANDGLASS_URL: 'http://127.0.0.1:1', SANDGLASS_NAMESPACE: 'other', SANDGLASS_API_KEY: 'sg_other' };
    const { code } = await sandglass(`sandbox ls -n team-a --url ${api.url} --api-key-file ${keyFile}`, { env });
    expect(code).toBe(0);
    expect(api.requests[0]?.headers.authorization).toBe('Bearer sg_from_file');
  });

  test('options stand before the command as well', async () => {
    api.on('GET /v1/namespaces/team-a/sandboxes', answer(200, { sandboxes: [] }));
    expect(await sandglass('--namespace team-a --json sandbox ls')).toEqual({ code: 0, stdout: '[]\n', stderr: '' });
  });
});
