import { expect, test } from 'vitest';
import { silentLog } from '../../platform/log.js';
import { busContract } from '../bus.contract.js';
import { localBus } from './bus.js';

busContract('local', async () => ({ bus: localBus(), settled: async () => {} }));

test('an error in a listener is logged', () => {
  const logged: object[] = [];
  const bus = localBus({ ...silentLog, error: (fields) => logged.push(fields) });
  bus.listen(() => {
    throw new Error('broken listener');
  });
  bus.publish([{} as never]);
  expect(logged).toEqual([{ err: new Error('broken listener') }]);
});
