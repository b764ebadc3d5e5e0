import { expect, test } from 'vitest';
import { ClientAddresses } from './client-address.js';

const from = (remoteAddress: string | undefined, headers: Record<string, string> = {}) => ({
  socket: { remoteAddress },
  headers,
});
const forwarded = (remote: string, list: string) => from(remote, { 'x-forwarded-for': list });

test('[LIM6] without a trusted proxy only the socket counts', () => {
  const addresses = new ClientAddresses([]);
  expect(addresses.of(forwarded('10.0.0.1', '1.2.3.4'))).toBe('10.0.0.1');
  expect(addresses.of(from('::ffff:10.0.0.1'))).toBe('10.0.0.1');
  expect(addresses.of(from('2001:db8::1'))).toBe('2001:db8::1');
  expect(addresses.of(from(undefined))).toBe('');
});

test('[LIM6] behind trusted proxies the last address that is none of them counts', () => {
  const addresses = new ClientAddresses(['10.0.0.0/8', '2001:db8::/32', '192.168.1.5']);
  expect(addresses.of(forwarded('10.0.0.1', '1.2.3.4'))).toBe('1.2.3.4');
  expect(addresses.of(forwarded('10.0.0.1', '6.6.6.6, 1.2.3.4, 10.9.9.9'))).toBe('1.2.3.4');
  expect(addresses.of(forwarded('2001:db8::7', '[2a00::1]:443,192.168.1.5'))).toBe('2a00::1');
  expect(addresses.of(forwarded('192.168.1.5', '[2a00::1]:443'))).toBe('2a00::1');
  expect(addresses.of(forwarded('192.168.1.5', '1.2.3.4:5678'))).toBe('1.2.3.4');
  expect(addresses.of(forwarded('::ffff:10.0.0.1', '::ffff:1.2.3.4'))).toBe('1.2.3.4');
  expect(addresses.of(forwarded('192.168.1.6', '1.2.3.4'))).toBe('192.168.1.6');
});

test('[LIM6] what is no address ends the search', () => {
  const addresses = new ClientAddresses(['10.0.0.0/8']);
  expect(addresses.of(forwarded('10.0.0.1', '1.2.3.4, unknown'))).toBe('10.0.0.1');
  expect(addresses.of(forwarded('10.0.0.1', ''))).toBe('10.0.0.1');
  expect(addresses.of(from('10.0.0.1'))).toBe('10.0.0.1');
});

test('[HTTP2] only a client on this machine is local', () => {
  for (const addresses of [new ClientAddresses([]), new ClientAddresses(['127.0.0.1'])]) {
    expect(addresses.isLocal(from('127.0.0.1'))).toBe(true);
    expect(addresses.isLocal(from('127.8.8.8'))).toBe(true);
    expect(addresses.isLocal(from('::1'))).toBe(true);
    expect(addresses.isLocal(from('::ffff:127.0.0.1'))).toBe(true);
    expect(addresses.isLocal(from('10.0.0.1'))).toBe(false);
    expect(addresses.isLocal(from(undefined))).toBe(false);
    expect(addresses.isLocal(forwarded('127.0.0.1', '1.2.3.4'))).toBe(false);
    expect(addresses.isLocal(forwarded('127.0.0.1', '127.0.0.1'))).toBe(false);
    expect(addresses.isLocal(from('127.0.0.1', { via: '1.1 proxy' }))).toBe(false);
    expect(addresses.isLocal(forwarded('10.0.0.1', '127.0.0.1'))).toBe(false);
  }
});
