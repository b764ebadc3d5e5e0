import { expect, test } from 'vitest';
import { Readings } from '../../../platform/readings.fixture.js';
import { noRates, openTestGateway } from '../../gateway.fixture.js';

async function setUp(rates = noRates) {
  const readings = new Readings();
  const server = await openTestGateway({
    metrics: readings,
    limits: { revokedTokens: 10 },
    config: { rates },
  });
  const logout = async (uid: string, authType?: string) => {
    const token = await server.tokens.mint({ uid, authType, expires: Date.now() + 60_000 });
    const headers = { authorization: `Bearer ${token}` };
    return (await fetch(`${server.url}/auth/logout`, { method: 'POST', headers })).status;
  };
  const logouts = async (count: number, uid: string, authType?: string) => {
    const statuses = [];
    for (let n = 0; n < count; n++) statuses.push(await logout(uid, authType));
    return statuses;
  };
  return { server, readings, logout, logouts };
}

test('[AUT5] revoked tokens have a total, of which nobody takes what others need', async () => {
  const { server, readings, logouts } = await setUp();
  const used = () => readings.read('really_limit_used limits.revokedTokens');
  // One owner gets half.
  expect(await logouts(7, 'hoarder')).toEqual([200, 200, 200, 200, 200, 429, 429]);
  expect(await logouts(4, 'second')).toEqual([200, 200, 200, 429]);
  expect(await logouts(4, 'third')).toEqual([200, 200, 200, 429]);
  expect(await logouts(4, 'late')).toEqual([200, 200, 200, 429]);
  expect(used()).toBe(14);
  expect(readings.read('really_limit_refused_total limits.revokedTokens')).toBe(5);
  await server.close();
});

test('[AUT5] of anonymous tokens an address revokes as many as it may get new ones', async () => {
  const { server, logout } = await setUp({ ...noRates, signup: 2 });
  const statuses = [];
  for (const uid of ['a', 'b', 'c']) statuses.push(await logout(uid, 'anonymous'));
  expect(statuses).toEqual([200, 200, 429]);
  expect(await logout('amal')).toBe(200);
  await server.close();
});
