import type { JsonValue } from '@really/protocol';
import type { HookPause, ScriptEffect } from '../../hook-state.js';
import type { ScriptRefusal, ScriptResult } from '../../model.js';

/*
 * How a call's result travels from the worker to the main thread: as one text, the cheapest thing to
 * send. `u` undefined; `j` and the value; `h`, the hidden names, a line break and one of these two; `e` and effects in the same way; `c`
 * and `[code, message]`; `t` and `[message, line]`; `s` and `[reason, line]`; `r` and the refusal; `q` and
 * `[call, effects, effectChars, prints]`.
 */

type StoppedBy = Extract<ScriptResult, { kind: 'stopped' }>['reason'];

export function encodeCancelled(code: number, message: string): string {
  return `c${JSON.stringify([code, message])}`;
}

/** `state`: see `GuestHost.pause`. */
export function encodePaused(state: string): string {
  return `q${state}`;
}

export function encodeThrew(message: string, line: number | undefined): string {
  return `t${JSON.stringify([message, line])}`;
}

export function encodeStopped(reason: StoppedBy, line: number | undefined): string {
  return `s${JSON.stringify([reason, line])}`;
}

export function refusedAnswer(refusal: ScriptRefusal): string {
  return `r${JSON.stringify(refusal)}`;
}

const nothingHidden: readonly string[] = [];

/** Never throws. */
export function decodeResult(answer: string): ScriptResult | HookPause {
  try {
    return answer.startsWith('q') ? readPause(answer.slice(1)) : read(answer);
  } catch (error) {
    return { kind: 'threw', message: `its answer could not be read: ${error}`, line: undefined };
  }
}

function read(answer: string): ScriptResult {
  if (answer === 'u') return { kind: 'returned', value: undefined, hidden: nothingHidden };
  const rest = answer.slice(1);
  switch (answer[0]) {
    case 'j':
      return { kind: 'returned', value: JSON.parse(rest) as JsonValue, hidden: nothingHidden };
    case 'h':
      return resultWith('hidden', rest);
    case 'e':
      return resultWith('effects', rest);
    case 'c': {
      const [code, message] = JSON.parse(rest) as [number, string];
      return { kind: 'cancelled', code, message };
    }
    case 'r':
      return { kind: 'refused', ...(JSON.parse(rest) as ScriptRefusal) };
    case 's': {
      const [reason, line] = JSON.parse(rest) as [StoppedBy, number | null];
      return { kind: 'stopped', reason, line: line ?? undefined };
    }
    default: {
      const [message, line] = JSON.parse(rest) as [string, number | null];
      return { kind: 'threw', message, line: line ?? undefined };
    }
  }
}

/** A result behind the JSON of this member of it and a line break. */
function resultWith(member: 'hidden' | 'effects', text: string): ScriptResult {
  const end = text.indexOf('\n');
  const list: unknown = JSON.parse(text.slice(0, end));
  const result = read(text.slice(end + 1));
  return result.kind === 'returned' ? { ...result, [member]: list } : result;
}

type PauseParts = [
  call: string | null,
  effects: ScriptEffect[],
  effectChars: number,
  prints: number,
];

function readPause(text: string): HookPause {
  const [call, effects, effectChars, prints] = JSON.parse(text) as PauseParts;
  return { kind: 'paused', call: call ?? undefined, effects, effectChars, prints };
}
