import { expect, test } from 'vitest';
import type { Log } from '../../platform/log.js';
import { silentLog } from '../../platform/log.js';
import { failureLog } from './failure-log.js';

test('[HOK8] the log says which script, which line and why, a few times a second, and every failure is counted', () => {
  const lines: [object, string][] = [];
  const log: Log = { ...silentLog, warn: (fields, message) => lines.push([fields, message]) };
  let now = 0;
  let counted = 0;
  const tell = failureLog({ log, now: () => now, onScriptFailure: () => counted++ });
  for (let times = 0; times < 20; times++) {
    tell('models/users/pre-get.js', { kind: 'threw', message: 'x is not defined', line: 3 });
  }
  tell('models/a/model.yaml:4:7', { kind: 'stopped', reason: 'memory', line: undefined });
  expect(counted).toBe(21);
  expect(lines).toHaveLength(6);
  expect(lines[0]).toEqual([
    { script: 'models/users/pre-get.js', line: 3, reason: 'x is not defined' },
    'a script of a model failed: models/users/pre-get.js, line 3: x is not defined',
  ]);
  expect(lines[5]?.[1]).toBe(
    'a script of a model failed: models/a/model.yaml:4:7: stopped, out of memory',
  );
  // Another line, or another reason, is another matter.
  tell('models/users/pre-get.js', { kind: 'threw', message: 'y is not defined', line: 4 });
  tell('models/users/pre-get.js', { kind: 'stopped', reason: 'time', line: 3 });
  expect(lines).toHaveLength(8);
  now = 1000;
  tell('models/users/pre-get.js', { kind: 'threw', message: 'again', line: 3 });
  expect(lines[8]?.[0]).toMatchObject({ notLogged: 15 });
});
