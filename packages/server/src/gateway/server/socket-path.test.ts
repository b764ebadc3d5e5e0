import { expect, test } from 'vitest';
import { pathKindOf, pathOf } from './socket-path.js';

test.each([
  '/v0.1/socket',
  '/v0.1/socket/',
  '/v0.1/socket?a=b',
  '/v0.1/socket/?x=/v9/socket',
  '/v0%2E1/socket',
  '/%760.1/sock%65t',
  'http://host:9000/v0.1/socket?x',
])('[CON1] %s is the socket', (target) => {
  expect(pathKindOf(target)).toBe('socket');
});

test.each([
  '/v9/socket',
  '/vfoo/socket',
  '/v/socket',
  '/v/socket/',
  '/v0.10/socket',
  '/v0.1%20/socket',
  '/v%zz/socket',
  '/v0.2/socket?x',
  'ws://host/v9/socket',
])('[CON2] %s is an unsupported version', (target) => {
  expect(pathKindOf(target)).toBe('unsupported-version');
});

test.each([
  '/',
  '',
  '*',
  '/socket',
  '/v0.1',
  '/v0.1/socket/x',
  '/v0.1/socket//',
  '/v0.1/sockets',
  '//v0.1/socket',
  '/x/v0.1/socket',
  '/V0.1/socket',
  '/v0.1/Socket',
  '/v9%2Fsocket',
  '/?/v9/socket',
  'v9/socket',
])('[CON2] %s is something else', (target) => {
  expect(pathKindOf(target)).toBe('other');
});

test('[CON2] the path of a target has neither query nor host', () => {
  expect(pathOf('/a/b?c#d')).toBe('/a/b');
  expect(pathOf('https://host/a?b')).toBe('/a');
  expect(pathOf('https://host')).toBe('');
});
