import type { JsonObject, JsonValue } from '@really/protocol';
import type { HookState } from '../../../hook-state.js';
import type { SandboxSource } from '../../sandbox.js';
import type { Program } from '../engine/programs.js';
import { programOf } from './program-text.js';
import type { Syntax } from './syntax.js';
import { type UsedMembers, usedMembers } from './used-members.js';

type Scope = Readonly<Record<string, JsonValue | undefined>>;

/** A parsed source, with all that the main thread needs to send calls of it. */
export class CompiledSource {
  readonly source: SandboxSource;
  /** Its last call ended in time. */
  proven = false;
  /** By the names of its scope, in the order in which their values are sent. */
  readonly #used: UsedMembers;
  readonly #syntax: Syntax;
  readonly #id: number;
  #plain: Program | undefined;
  #traced: Program | undefined;

  /** Ids are even: each stands for two programs, plain and traced. */
  constructor(id: number, source: SandboxSource, syntax: Syntax) {
    this.#id = id;
    this.source = source;
    this.#syntax = syntax;
    this.#used = usedMembers(syntax);
  }

  program(traced: boolean): Program {
    if (traced) {
      this.#traced ??= programOf(this.#id, this.source, this.#syntax, true);
      return this.#traced;
    }
    this.#plain ??= programOf(this.#id, this.source, this.#syntax, false);
    return this.#plain;
  }

  /** A scope after the state of a run, as `Realm.run` takes them. */
  writeRun(scope: Scope, { answers, effects, effectChars, prints }: HookState): string {
    const replies = answers.map(({ call, reply }) => `[${JSON.stringify(call)},${reply}]`).join();
    return `[[[${replies}],${effects},${effectChars},${prints}],${this.write(scope).slice(1)}`;
  }

  /** The values of a scope as `Realm.run` takes them. */
  write(scope: Scope): string {
    const values: unknown[] = [];
    const absent: number[] = [];
    for (const [name, members] of this.#used) {
      const value = Object.hasOwn(scope, name) ? scope[name] : undefined;
      if (value === undefined) absent.push(values.length);
      values.push(value === undefined ? null : usedOf(value, members));
    }
    values.push(absent.length === 0 ? 0 : absent);
    return JSON.stringify(values);
  }
}

function usedOf(value: JsonValue, members: ReadonlySet<string> | undefined): JsonValue {
  if (members === undefined || typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value;
  const used: JsonObject = {};
  for (const member of members) {
    const held = Object.hasOwn(value, member) ? value[member] : undefined;
    if (held !== undefined) used[member] = held;
  }
  return used;
}
