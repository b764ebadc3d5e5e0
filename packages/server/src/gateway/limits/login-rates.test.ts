import type { IncomingHttpHeaders } from 'node:http';
import { expect, test } from 'vitest';
import { simulatedPlatform } from '../../platform/simulated.js';
import { noRates, openTestGateway } from '../gateway.fixture.js';
import { isFromForeignPage } from '../server/foreign-pages.js';
import { Origins } from '../server/origins.js';
import { AddressRates } from './address-rates.js';
import { LoginRates } from './login-rates.js';

const from = (headers: IncomingHttpHeaders = {}) => ({
  headers: { host: 'api.example', ...headers },
  headersDistinct: { host: ['api.example'] },
});

function setUp(given: { account?: number } = {}) {
  const { clock, ...platform } = simulatedPlatform({ seed: 1, now: 0 });
  const origins = new Origins(undefined);
  const addresses = new AddressRates({ amount: 3, clock, origins, limited() {} });
  const rates = new LoginRates({
    ...{ addresses, clock, origins, known: 3, account: given.account ?? 0 },
  });
  const taken = (count: number, take: () => number) =>
    Array.from({ length: count }, take).filter((wait) => wait === 0).length;
  return { rates, taken, platform };
}

test('[LIM5] an account has a limit over all addresses, and its owner a separate one', () => {
  const { rates, taken } = setUp({ account: 5 });
  rates.succeeded('10.0.0.1', 'amal');
  let tries = 0;
  expect(taken(20, () => rates.take(`10.1.0.${tries++ >> 1}`, 'amal', from()))).toBe(10 + 5);
  expect(taken(20, () => rates.take('10.0.0.1', 'amal', from()))).toBe(2);
  expect(taken(20, () => rates.take('10.0.0.2', 'amal', from()))).toBe(1);
  expect(rates.take('10.0.0.3', 'bela', from())).toBe(0);
});

test('[LIM5] repeated logins do not raise the limit of an address', () => {
  const { rates, taken } = setUp({ account: 30 });
  const logIn = () => {
    const wait = rates.take('10.0.0.1', 'amal', from());
    if (wait === 0) rates.succeeded('10.0.0.1', 'amal');
    return wait;
  };
  expect(taken(20, logIn)).toBe(3);
  expect(taken(20, () => rates.take('10.0.0.1', 'nobody', from()))).toBe(0);
});

test('[LIM5] requests from pages of other origins are counted separately', () => {
  const { rates, taken } = setUp();
  const page = from({ origin: 'https://evil.example' });
  rates.succeeded('10.0.0.1', 'amal');
  expect(taken(20, () => rates.take('10.0.0.1', 'nobody', page))).toBe(3);
  expect(taken(20, () => rates.take('10.0.0.1', 'amal', page))).toBe(3);
  expect(taken(20, () => rates.take('10.0.0.1', 'nobody', from()))).toBe(3);
  expect(taken(20, () => rates.take('10.0.0.1', 'amal', from()))).toBe(2);
});

test.each<[IncomingHttpHeaders, string[] | undefined, boolean]>([
  [{}, undefined, false],
  [{ origin: 'https://api.example' }, undefined, false],
  [{ origin: 'https://api.example:8443' }, undefined, false],
  [{ origin: 'https://evil.example' }, undefined, true],
  [{ origin: 'null' }, undefined, true],
  [{ origin: 'https://app.example' }, ['https://app.example'], false],
  [{ origin: 'https://evil.example' }, ['https://app.example'], true],
  [{ origin: 'https://front.example', 'sec-fetch-site': 'same-origin' }, undefined, false],
  [{ 'sec-fetch-site': 'cross-site' }, undefined, true],
  [{ 'sec-fetch-site': 'none' }, undefined, false],
])('[HTTP18] %j with cors %j is of a foreign page: %s', (headers, cors, isForeign) => {
  expect(isFromForeignPage(from(headers), new Origins(cors))).toBe(isForeign);
});

test('[HTTP18] a page of another origin has to declare JSON; other clients need not', async () => {
  const server = await openTestGateway({ config: { rates: { ...noRates, signup: 2 } } });
  const post = async (headers: Record<string, string>, body?: string) => {
    const url = `${server.url}/auth/anonymous`;
    const response = await fetch(url, { method: 'POST', headers, ...(body && { body }) });
    return [response.status, await response.json()];
  };
  const refused = [
    415,
    {
      code: 415,
      reason: 'a page of another origin has to send JSON as application/json',
      error: { code: 415, message: 'content.type.unsupported' },
    },
  ];
  const origin = 'https://evil.example';
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data']) {
    expect(await post({ origin, 'content-type': type }, '{}')).toEqual(refused);
  }
  const json = { origin, 'content-type': 'application/json; charset=utf-8' };
  expect((await post(json, '{}'))[0]).toBe(200);
  expect((await post({ origin }))[0]).toBe(200);
  expect((await post({ origin }))[0]).toBe(429);
  expect((await post({ 'content-type': 'text/plain' }, '{}'))[0]).toBe(200);
  expect((await post({}))[0]).toBe(200);
  expect((await post({}))[0]).toBe(429);
  await server.close();
});
