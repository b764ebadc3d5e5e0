import { expect, test } from 'vitest';
import type { HookPause, HookState } from '../model/hook-state.js';
import type { Script, ScriptResult } from '../model/model.js';
import { simulatedPlatform } from '../platform/simulated.js';
import { runHook } from './hook-run.js';

const paused: HookPause = {
  ...{ kind: 'paused', call: undefined, effects: [], effectChars: 0, prints: 0 },
};
const returned: ScriptResult = { kind: 'returned', value: undefined, hidden: [] };

/** Runs a hook whose executions end like this. */
async function run(
  results: readonly (ScriptResult | HookPause)[],
  { reply = '{"value":1}', hookAnswers = 1000 } = {},
) {
  const states: HookState[] = [];
  const asked: unknown[] = [];
  const hook: Script = {
    where: 'models/a/post-create.js',
    reads: { uid: false, r: false, all: false },
    run: () => returned,
    async advance(_scope, state) {
      states.push(structuredClone(state));
      return results[Math.min(states.length, results.length) - 1] ?? returned;
    },
  };
  const reads = {
    async reply(call: unknown, bytes: number) {
      asked.push([call, bytes]);
      return reply;
    },
  };
  const platform = simulatedPlatform({ seed: 1 });
  const result = await runHook(hook, {}, { reads, platform, limits: { hookAnswers } });
  return { result, states, asked };
}

test('[HRD1] a hook is executed with the answers so far, until it is over', async () => {
  const { result, states, asked } = await run([
    { ...paused, call: '["get","/a/1"]', effects: [['emit', 'x', 1]], effectChars: 12, prints: 2 },
    { ...paused, effects: [['emit', 'y', 1]], effectChars: 12, prints: 3 },
    { ...paused, call: '["count","/a"]', prints: 3 },
    { ...returned, effects: [['emit', 'z', 1]] },
  ]);
  const effects = [
    ['emit', 'x', 1],
    ['emit', 'y', 1],
    ['emit', 'z', 1],
  ];
  expect(result).toEqual({ ...returned, effects });
  expect(asked).toEqual([
    [['get', '/a/1'], 1000],
    [['count', '/a'], 989],
  ]);
  const one = { call: '["get","/a/1"]', reply: '{"value":1}' };
  const two = { call: '["count","/a"]', reply: '{"value":1}' };
  const { now, seed } = states[0] as HookState;
  expect(seed).toHaveLength(4);
  expect(states).toEqual([
    { now, seed, answers: [], effects: 0, effectChars: 0, prints: 0 },
    { now, seed, answers: [one], effects: 1, effectChars: 12, prints: 2 },
    { now, seed, answers: [one], effects: 2, effectChars: 24, prints: 3 },
    { now, seed, answers: [one, two], effects: 2, effectChars: 24, prints: 3 },
  ]);
});

test('[HRD1] a hook that fails has no effects', async () => {
  const threw: ScriptResult = { kind: 'threw', message: 'no', line: 3 };
  const { result } = await run([{ ...paused, effects: [['emit', 'x', 1]] }, threw]);
  expect(result).toEqual(threw);
});

test('[HRD1] answers of the maximum are given to a hook as often as that is bounded', async () => {
  const reply = `{"value":"${'x'.repeat(986)}"}`;
  expect(reply.length).toBeLessThan(1000);
  const { result, states } = await run([{ ...paused, call: '["get","/a/1"]' }, paused], { reply });
  expect(result).toMatchObject({ kind: 'threw', message: /reads are too many/ });
  expect(states).toHaveLength(33);
});
