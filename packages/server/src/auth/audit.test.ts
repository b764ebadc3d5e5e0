import { expect, test } from 'vitest';
import type { Log } from '../platform/log.js';
import { noMetrics } from '../platform/metrics.js';
import { simulatedPlatform } from '../platform/simulated.js';
import { AuditLog } from './audit.js';

function setUp() {
  const { clock, advance } = simulatedPlatform({ seed: 1 });
  const lines: object[] = [];
  const counted: string[] = [];
  const logOf = (context: object): Log => ({
    debug() {},
    info: (fields, message) => lines.push({ ...context, ...fields, message }),
    warn() {},
    error() {},
    child: (more) => logOf({ ...context, ...more }),
  });
  const metrics = {
    ...noMetrics,
    counter: (name: string) => ({
      add: (_amount?: number, ...labels: string[]) => counted.push([name, ...labels].join(' ')),
    }),
  };
  return { audit: new AuditLog({ log: logOf({}), metrics, clock }), lines, counted, advance };
}

test('[AUT10] an event is a line of its own, and is counted', () => {
  const { audit, lines, counted } = setUp();
  audit.record('login.ok', { uid: 'u1', address: '10.0.0.1', authType: 'password' });
  expect(lines).toEqual([
    {
      audit: true,
      event: 'login.ok',
      uid: 'u1',
      address: '10.0.0.1',
      authType: 'password',
      message: 'audit',
    },
  ]);
  expect(counted).toEqual(['really_auth_events_total login.ok']);
});

test('[AUT10] refusals are logged up to a rate, and only counted beyond it', () => {
  const { audit, lines, counted, advance } = setUp();
  for (let i = 0; i < 60; i++) audit.record('token.refused', { reason: 'token.invalid' });
  audit.record('login.failed', { reason: 'password' });
  expect(lines).toHaveLength(51);
  expect(counted.filter((name) => name === 'really_audit_lines_omitted_total')).toHaveLength(10);
  advance(1000);
  audit.record('secret.refused', {});
  expect(lines).toHaveLength(52);
});
