import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { anonymous } from './mod.js';

const { signal } = new AbortController();
let kept: Map<string, string>;
/** Path and token of each request. */
let asked: string[];
let isExpired: boolean;
let status: number;

beforeEach(() => {
  [kept, asked, isExpired, status] = [new Map(), [], false, 200];
  vi.stubGlobal('localStorage', {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => kept.set(key, value),
  });
  let last: Promise<unknown> = Promise.resolve();
  const request = (_name: string, _options: object, run: () => Promise<unknown>) => {
    last = last.then(run, run);
    return last;
  };
  vi.stubGlobal('navigator', { locks: { request } });
  vi.stubGlobal('fetch', async (url: URL, { headers }: { headers?: Record<string, string> }) => {
    asked.push(`${url} ${headers?.authorization ?? ''}`.trim());
    const isRefused = headers !== undefined && isExpired;
    return Response.json({ accessToken: `t${asked.length}` }, { status: isRefused ? 401 : status });
  });
});
afterEach(() => vi.unstubAllGlobals());

test('[TSC16] the first time it is somebody new, and from then on the same user', async () => {
  const token = anonymous('ws://app.test/v0.1/socket', { key: 'chat' });
  expect(await token({ signal })).toBe('t1');
  expect(await token({ signal })).toBe('t2');
  expect(await token({ signal })).toBe('t3');
  expect(asked).toEqual([
    'http://app.test/auth/anonymous',
    'http://app.test/auth/refresh Bearer t1',
    'http://app.test/auth/refresh Bearer t2',
  ]);
  expect([...kept]).toEqual([['chat', 't3']]);
});

test('[TSC16] whose token has run out is somebody new; a server that is not well changes nothing', async () => {
  const token = anonymous('https://app.test');
  kept.set('really.token', 'old');
  status = 503;
  await expect(token({ signal })).rejects.toThrow('no token: HTTP 503');
  expect(kept.get('really.token')).toBe('old');
  [status, isExpired] = [200, true];
  expect(await token({ signal })).toMatch(/^t/);
  expect(asked.at(-1)).toBe('https://app.test/auth/anonymous');
});

test('[TSC16] windows that are opened at the same moment are one user', async () => {
  const tokens = [anonymous('https://app.test'), anonymous('https://app.test')];
  await Promise.all(tokens.map((token) => token({ signal })));
  const created = asked.filter((url) => url.endsWith('/anonymous'));
  expect(created).toHaveLength(1);
});
