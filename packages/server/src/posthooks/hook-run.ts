import type { JsonValue } from '@really/protocol';
import type { HookAnswer, HookState, ScriptEffect } from '../model/hook-state.js';
import type { Script, ScriptResult } from '../model/model.js';
import type { Limits } from '../platform/limits.js';
import type { Platform } from '../platform/platform.js';
import type { HookReads } from './hook-reads.js';

export interface HookRunOptions {
  readonly reads: Pick<HookReads, 'reply'>;
  readonly platform: Pick<Platform, 'clock' | 'random'>;
  readonly limits: Pick<Limits, 'hookAnswers'>;
}

/**
 * How often the answers of a run may be given to it, in all, as a multiple of their maximum: each
 * execution reads them again. 50 reads of one size need half of 50.
 */
const executions = 32;

/**
 * Executes a post hook until it is over: from its beginning each time, with the answers to what it
 * read before (rule HRD1). Rejects as `HookReads.reply`.
 */
export async function runHook(
  hook: Script,
  scope: Readonly<Record<string, JsonValue | undefined>>,
  { reads, platform, limits }: HookRunOptions,
): Promise<ScriptResult> {
  const answers: HookAnswer[] = [];
  const effects: ScriptEffect[] = [];
  let state = newState(platform);
  let bytes = 0;
  let given = 0;
  for (;;) {
    const result = await (hook.advance?.(scope, { ...state, answers }) ?? hook.run(scope));
    if (result.kind === 'returned') {
      return { ...result, effects: [...effects, ...(result.effects ?? [])] };
    }
    if (result.kind !== 'paused') return result;
    effects.push(...result.effects);
    const effectChars = state.effectChars + result.effectChars;
    state = { ...state, effects: effects.length, effectChars, prints: result.prints };
    if (result.call !== undefined) {
      const call = JSON.parse(result.call) as JsonValue[];
      const reply = await reads.reply(call, limits.hookAnswers - bytes);
      answers.push({ call: result.call, reply });
      bytes += Buffer.byteLength(reply);
    }
    given += bytes;
    if (given > executions * limits.hookAnswers) return tooMuch;
  }
}

function newState({ clock, random }: HookRunOptions['platform']): Omit<HookState, 'answers'> {
  const bytes = random.bytes(16);
  const words = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const seed = [0, 4, 8, 12].map((offset) => words.getInt32(offset));
  return { now: clock.now(), seed, effects: 0, effectChars: 0, prints: 0 };
}

const tooMuch: ScriptResult = {
  kind: 'threw',
  message: 'its reads are too many for their size: read what you need in fewer calls',
  line: undefined,
};
