import { expect, test } from 'vitest';
import { ClientAddresses } from './client-addresses.js';

const from = (remoteAddress: string | undefined, headers: Record<string, string> = {}) => ({
  socket: { remoteAddress, localPort: 9000 },
  headers: { host: '127.0.0.1:9000', ...headers },
  headersDistinct: {},
  httpVersion: '1.1',
});
const forwarded = (remote: string, list: string) => from(remote, { 'x-forwarded-for': list });

test('[LIM6] without a trusted proxy only the socket counts', () => {
  const addresses = new ClientAddresses([]);
  expect(addresses.of(forwarded('10.0.0.1', '1.2.3.4'))).toBe('10.0.0.1');
  expect(addresses.of(from('::ffff:10.0.0.1'))).toBe('10.0.0.1');
  expect(addresses.of(from('2001:db8::1'))).toBe('2001:db8::1');
  expect(addresses.of(from(undefined))).toBe('');
});

test('[LIM6] behind trusted proxies the last address that is not one of them counts', () => {
  const addresses = new ClientAddresses(['10.0.0.0/8', '2001:db8::/32', '192.168.1.5']);
  expect(addresses.of(forwarded('10.0.0.1', '1.2.3.4'))).toBe('1.2.3.4');
  expect(addresses.of(forwarded('10.0.0.1', '6.6.6.6, 1.2.3.4, 10.9.9.9'))).toBe('1.2.3.4');
  expect(addresses.of(forwarded('2001:db8::7', '[2a00::1]:443,192.168.1.5'))).toBe('2a00::1');
  expect(addresses.of(forwarded('192.168.1.5', '[2a00::1]:443'))).toBe('2a00::1');
  expect(addresses.of(forwarded('192.168.1.5', '1.2.3.4:5678'))).toBe('1.2.3.4');
  expect(addresses.of(forwarded('::ffff:10.0.0.1', '::ffff:1.2.3.4'))).toBe('1.2.3.4');
  expect(addresses.of(forwarded('192.168.1.6', '1.2.3.4'))).toBe('192.168.1.6');
});

test('[LIM6] an invalid address ends the search', () => {
  const addresses = new ClientAddresses(['10.0.0.0/8']);
  expect(addresses.of(forwarded('10.0.0.1', '1.2.3.4, unknown'))).toBe('10.0.0.1');
  expect(addresses.of(forwarded('10.0.0.1', ''))).toBe('10.0.0.1');
  expect(addresses.of(from('10.0.0.1'))).toBe('10.0.0.1');
});

test('[HTTP2] only a client on this machine is local', () => {
  for (const addresses of [new ClientAddresses([]), new ClientAddresses(['10.0.0.0/8'])]) {
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

test('[HTTP2] a local client has to name this machine as the host', () => {
  const addresses = new ClientAddresses([]);
  const asks = (host: string, url?: string) =>
    addresses.isLocal({ ...from('127.0.0.1', { host }), url });
  const names = ['localhost', 'LOCALHOST:9000', 'app.localhost', '127.0.0.1', '127.1.2.3:9000'];
  for (const host of [...names, '[::1]:9000', '[::ffff:127.0.0.1]', 'localhost.']) {
    expect([host, asks(host)]).toEqual([host, true]);
  }
  const others = ['api.example.com', 'localhost.example.com', '10.0.0.1:9000', '', '0.0.0.0'];
  // A proxy listens on a port of its own.
  for (const host of [...others, 'localhost:8080', '127.0.0.1:80', '[::1]:443'])
    expect([host, asks(host)]).toEqual([host, false]);
  expect(asks('127.0.0.1', 'http://api.example.com/metrics')).toBe(false);
  const two = { headersDistinct: { host: ['localhost', 'api.example.com'] } };
  expect(addresses.isLocal({ ...from('127.0.0.1'), ...two })).toBe(false);
});

test('[HTTP2] a request through a proxy on this machine is not local, whichever header the proxy adds', () => {
  const addresses = new ClientAddresses([]);
  const names = [
    ...['forwarded', 'via', 'x-real-ip', 'x-client-ip', 'true-client-ip', 'cf-connecting-ip'],
    ...['x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'x-forwarded-server'],
    ...['x-original-forwarded-for', 'x-envoy-external-address', 'cdn-loop', 'x-arr-log-id'],
    ...['x-amzn-trace-id', 'fastly-client-ip', 'proxy-connection', 'x-forwarded'],
  ];
  for (const name of names) {
    expect([name, addresses.isLocal(from('127.0.0.1', { [name]: 'x' }))]).toEqual([name, false]);
  }
  const usual = { accept: '*/*', 'user-agent': 'Prometheus/3.0', 'x-trace-id': 'a' };
  expect(addresses.isLocal(from('127.0.0.1', usual))).toBe(true);
  // nginx with only proxy_pass.
  expect(addresses.isLocal({ ...from('127.0.0.1'), httpVersion: '1.0' })).toBe(false);
});

test('[HTTP2] if a proxy on this machine is trusted, nothing from its address is local', () => {
  const trusted = [['127.0.0.1'], ['127.0.0.0/8'], ['10.0.0.0/8', '127.0.0.1']];
  for (const trustProxy of trusted) {
    expect(new ClientAddresses(trustProxy).isLocal(from('127.0.0.1'))).toBe(false);
  }
  expect(new ClientAddresses(['::1']).isLocal(from('127.0.0.1'))).toBe(true);
  expect(new ClientAddresses(['::1']).isLocal(from('::1'))).toBe(false);
});
