import { expect, test } from 'vitest';
import { appByHost } from './hosts.js';

const apps = new Map([
  ['a6bcc', 1],
  ['b', 2],
]);
const hosted = appByHost('api.really.io', apps);

function ask(host: string | undefined, url = '/', others: readonly string[] = []) {
  const all = host === undefined ? [] : [host, ...others];
  const headers = host === undefined ? {} : { host };
  return hosted({ headers, headersDistinct: { host: all }, url });
}

test.each([
  ['a6bcc.api.really.io', 1],
  ['b.api.really.io', 2],
  ['A6BCC.API.Really.IO:9000', 1],
  ['a6bcc.api.really.io.', 1],
  ['a6bcc.api.really.io.:443', 1],
])('[HOST1] %s is an app, in any case and with any port', (host, app) => {
  expect(ask(host)).toBe(app);
});

test.each([
  'api.really.io',
  '.api.really.io',
  'other.api.really.io',
  'a6bcc.a6bcc.api.really.io',
  'x.b.api.really.io',
  'a6bcc.api.really.io.evil.example',
  'a6bccapi.really.io',
  'a6bcc',
  '127.0.0.1:9000',
  '[::1]:9000',
  'a6bcc.api.really.io..',
  '__proto__.api.really.io',
  '',
  undefined,
])('[HOST2] %s is no app', (host) => {
  expect(ask(host)).toBe(undefined);
});

test('[HOST1] an absolute target overrides the header, and two headers give no name', () => {
  expect(ask('b.api.really.io', 'http://a6bcc.api.really.io:80/v0.1/socket')).toBe(1);
  expect(ask('b.api.really.io', 'http://b.api.really.io@a6bcc.api.really.io/x')).toBe(1);
  expect(ask('b.api.really.io', '/http://a6bcc.api.really.io/')).toBe(2);
  expect(ask('b.api.really.io', '/', ['a6bcc.api.really.io'])).toBe(undefined);
});

test('[CON1] without a domain there is one app, on any host', () => {
  const alone = appByHost(undefined, new Map([['', 1]]));
  for (const host of ['x.example', '127.0.0.1', '']) {
    expect(alone({ headers: { host }, headersDistinct: {}, url: '/' })).toBe(1);
  }
});
