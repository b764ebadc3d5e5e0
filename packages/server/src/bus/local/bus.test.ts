import { expect, test } from 'vitest';
import { silentLog } from '../../platform/log.js';
import { busContract } from '../bus.contract.js';
import { localBus } from './bus.js';

busContract('local', async () => ({ bus: localBus(), settled: async () => {} }));

test('a listener that throws is told to the log', () => {
  const told: object[] = [];
  const bus = localBus({ ...silentLog, error: (fields) => told.push(fields) });
  bus.listen(() => {
    throw new Error('broken listener');
  });
  bus.publish([{} as never]);
  expect(told).toEqual([{ err: new Error('broken listener') }]);
});
