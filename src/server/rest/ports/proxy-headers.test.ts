import { describe, expect, test } from 'vitest';
import { type ForwardedFrom, SANDBOX_POLICY, toAppHeaders, toClientHeaders } from './proxy-headers.ts';

const FROM: ForwardedFrom = {
  address: '10.0.0.9',
  host: 'api.example:8900',
  scheme: 'https',
  prefix: '/v1/p',
  appHost: 'localhost:80',
  isKey: (text) => text === 'key' || text === 'other-key',
};
const toApp = (raw: string[], from: Partial<ForwardedFrom> = {}) => toAppHeaders(raw, { ...FROM, ...from });
const valuesOf = (headers: [string, string][], name: string) =>
  headers.filter(([one]) => one.toLowerCase() === name).map(([, value]) => value);

describe('a request', () => {
  test('keeps its headers as they are written, repeated ones too', () => {
    const headers = toApp(['Accept', 'a', 'X-Twice', '1', 'x-twice', '2']);
    expect(headers.slice(0, 4)).toEqual([
      ['Host', 'localhost:80'],
      ['Accept', 'a'],
      ['X-Twice', '1'],
      ['x-twice', '2'],
    ]);
  });

  test('loses what is of its connection, and what the connection names', () => {
    const raw = [
      'Connection',
      'close, X-Own',
      'connection',
      'te',
      'X-Own',
      '1',
      'TE',
      'trailers',
      'Keep-Alive',
      '5',
      'Upgrade',
      'h2c',
      'Expect',
      '1',
    ];
    expect(toApp([...raw, 'Proxy-Authorization', 'x', 'Transfer-Encoding', 'chunked', 'Content-Length', '1'])).toHaveLength(5);
  });

  test.each([
    ['Bearer key', []],
    ['bearer  key ', []],
    ['Bearer\tkey', []],
    ['Key key', []],
    ['Bearer app, Bearer other-key', []],
    ['Bearer keys', ['Bearer keys']],
    ['Basic dTpw', ['Basic dTpw']],
  ])('with Authorization %j goes on with %j', (authorization, expected) => {
    expect(valuesOf(toApp(['Authorization', authorization]), 'authorization')).toEqual(expected);
  });

  test('loses keys in every place that they are taken from', () => {
    const raw = ['X-API-Key', 'key', 'x-api-key', 'other', 'Sec-WebSocket-Protocol', 'chat, sandglass.bearer.a2V5', 'X-Namespace', 'a'];
    const headers = toApp([...raw, 'sec-websocket-protocol', 'sandglass.bearer.a2V5']);
    expect(valuesOf(headers, 'sec-websocket-protocol')).toEqual(['chat']);
    expect(headers.map(([name]) => name.toLowerCase())).not.toEqual(expect.arrayContaining(['x-api-key']));
    expect(JSON.stringify(headers)).not.toMatch(/key|namespace/i);
  });

  test('says where it comes from: what a proxy in front says counts, a prefix from elsewhere does not', () => {
    const raw = ['X-Forwarded-For', '1.1.1.1', 'X-Forwarded-Host', 'front', 'X-Forwarded-Proto', 'HTTP', 'X-Forwarded-Prefix', '/evil'];
    const said = (name: string) => valuesOf(toApp(raw), name);
    expect(said('x-forwarded-for')).toEqual(['1.1.1.1, 10.0.0.9']);
    expect(said('x-forwarded-host')).toEqual(['front']);
    expect(said('x-forwarded-proto')).toEqual(['http']);
    expect(said('x-forwarded-prefix')).toEqual(['/v1/p']);
    expect(valuesOf(toApp(['X-Forwarded-Proto', 'gopher']), 'x-forwarded-proto')).toEqual(['https']);
  });

  test('takes cookies along to a host of its own only', () => {
    expect(valuesOf(toApp(['Cookie', 'a=1']), 'cookie')).toEqual([]);
    const { prefix: _, ...ofHost } = FROM;
    expect(valuesOf(toAppHeaders(['Cookie', 'a=1'], ofHost), 'cookie')).toEqual(['a=1']);
  });
});

describe('an answer', () => {
  const raw = ['Set-Cookie', 'a', 'Access-Control-Allow-Origin', '*', 'X-A', '1', 'Connection', 'X-B', 'X-B', '1', 'Content-Length', '3'];

  test('from a path of the API leaves the origin alone', () => {
    expect(toClientHeaders(raw, '/p')).toEqual([
      ['X-A', '1'],
      ['Content-Security-Policy', SANDBOX_POLICY],
    ]);
  });

  test('from a host of its own keeps all that is the program’s', () => {
    expect(toClientHeaders(raw, undefined)).toEqual([
      ['Set-Cookie', 'a'],
      ['Access-Control-Allow-Origin', '*'],
      ['X-A', '1'],
    ]);
  });

  test.each([
    ['/a', '/p/a'],
    ['/', '/p/'],
    ['/p', '/p'],
    ['/p/a', '/p/a'],
    ['/pa', '/p/pa'],
    ['//other/a', '//other/a'],
    ['/\\other/a', '/\\other/a'],
    ['a', 'a'],
    ['https://other/a', 'https://other/a'],
  ])('that redirects to %s leads to %s', (location, expected) => {
    expect(valuesOf(toClientHeaders(['Location', location], '/p'), 'location')).toEqual([expected]);
  });
});
