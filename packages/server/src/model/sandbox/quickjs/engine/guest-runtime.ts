/** The host's functions for a realm. Texts are JSON, so that U+0000 and lone surrogates are preserved. */
export interface GuestHost {
  /** A line for the log. */
  print(text: string): void;
  /** `[code, message]` of a cancellation, or `[message, stack]` of an invalid call of `cancel`. */
  cancel(call: string): void;
  /** The call ends here: `[call, effects, effectChars, prints]`, as in `HookPause`. */
  pause(state: string): void;
  random(): number;
}

export interface GuestLimits {
  /** Characters of a result. */
  readonly result: number;
  /** Characters of a line that `print` writes, and of the messages of errors. */
  readonly line: number;
  /** Characters of the message of a `cancel`. */
  readonly message: number;
  /** Names that `hide` may be given, and characters of all together. */
  readonly hidden: number;
  /**
   * New effects after which a script hands them over and is executed again. If above 0 it is a post
   * hook, without `cancel` and `hide`.
   */
  readonly effects: number;
  /** Maximum characters of JSON of all effects of a run. */
  readonly effectChars: number;
  /** Maximum calls of `get`, `read` and `count` in a run. */
  readonly reads: number;
}

/** As `HookState`, in JSON: calls with their replies, effects, their characters, prints. */
type GuestState = readonly [
  answers: readonly (readonly [call: string, reply: GuestReply])[],
  effects: number,
  effectChars: number,
  prints: number,
];

interface GuestReply {
  readonly value?: unknown;
  readonly error?: { readonly code: number; readonly message: string; readonly errors?: unknown };
}

export interface GuestRuntime {
  /**
   * Calls the program. `scope` is a JSON list of its values and, last, the indices of those that are
   * undefined, or 0 where none is. `kind`: 1 if its `this` is the first of them, and 2 more if a `GuestState` stands before all. Answers with a text: `u` for undefined, `j` and JSON for a value, `t` and
   * `[message, stack]` for a throw, `s` and the same for a stack that overflowed, `m` for memory that
   * was not there, `p` where a promise stands for it; before a value, where names were hidden, `h`,
   * their JSON and a line break, or, where effects were asked for, `e` and the same.
   */
  run(program: (...values: unknown[]) => unknown, kind: number, scope: string): string;
  /** The result after the promises of the call have run. */
  finish(): string;
  /** Records the line of a throw, because a thrown value that is not an error has none. */
  thrown(line: number, value: unknown): unknown;
}

/**
 * The part of the sandbox that runs inside QuickJS: its text is evaluated there, so it may use
 * nothing from outside itself. It runs before the script, except where it is called from it; what it
 * needs later it keeps, so that a script that changes the built-ins changes its own fate only.
 */
// biome-ignore lint/complexity/noExcessiveLinesPerFunction: its text runs inside the sandbox, where it can reach nothing outside itself
export function guestRuntime(host: GuestHost, limits: GuestLimits): GuestRuntime {
  const { parse, stringify } = JSON;
  const { apply } = Reflect;
  const { print: hostPrint, cancel: hostCancel, pause: hostPause, random: hostRandom } = host;
  const DateClass = Date;
  const toIso = Date.prototype.toISOString;
  const ErrorClass = Error;
  const TypeErrorClass = TypeError;
  const PromiseClass = Promise;
  const { then: promiseThen } = Promise.prototype;
  const { slice } = String.prototype;
  // Resizable buffers would have to clear the memory that they grow by, and not all do.
  const global: { [name: string]: unknown } = globalThis;
  delete global.SharedArrayBuffer;
  delete global.Atomics;
  for (const name of ['resize', 'transfer', 'transferToFixedLength']) {
    Reflect.deleteProperty(ArrayBuffer.prototype, name);
  }
  const text = String;
  const isFiniteNumber = Number.isFinite;
  const isSafeInteger = Number.isSafeInteger;
  const isSame = Object.is;
  const { isArray } = Array;

  let result: unknown;
  let settled: 'value' | 'waiting' | 'failed' = 'value';
  let hidden = '';
  let effects = '';
  let effectCount = 0;
  let state: GuestState = [[], 0, 0, 0];
  let asked = 0;
  let reads = 0;
  let prints = 0;
  let thrownLine = 0;
  let thrownValue: unknown;

  function cut(long: string, length: number): string {
    return long.length > length ? `${apply(slice, long, [0, length])}…` : long;
  }

  function describe(thing: unknown): string {
    if (typeof thing === 'string') return thing;
    if (typeof thing === 'object' && thing !== null) {
      if (thing instanceof ErrorClass) return text(thing);
      try {
        const json = stringify(thing);
        if (typeof json === 'string') return json;
      } catch {
        // It is circular, or contains what JSON cannot express.
      }
    }
    return text(thing);
  }

  function ended(call: unknown[]): never {
    hostCancel(stringify(call));
    // The host has set the engine to stop here, in a way that no `catch` and no `finally` sees.
    for (;;);
  }

  const always = {
    print(...things: unknown[]): void {
      prints++;
      if (prints <= state[3]) return;
      let line = '';
      for (let index = 0; index < things.length && line.length <= limits.line; index++) {
        line += (index === 0 ? '' : ' ') + describe(things[index]);
      }
      hostPrint(stringify(cut(line, limits.line)));
    },
    now(): string {
      return apply(toIso, new DateClass(), []);
    },
  };

  const exceptInPostHooks = {
    cancel(code: unknown, message: unknown): void {
      if (isSafeInteger(code) && typeof message === 'string' && message.length <= limits.message) {
        ended([code, message]);
      }
      const wrong = new TypeErrorClass(
        'cancel takes a code, a whole number, and a message, a text',
      );
      ended([`${wrong.name}: ${wrong.message}`, wrong.stack ?? '']);
    },
    hide(...names: unknown[]): void {
      for (let index = 0; index < names.length; index++) {
        const name = names[index];
        if (typeof name !== 'string') throw new TypeErrorClass('hide takes names of fields');
        if (hidden.length + name.length > limits.hidden) {
          throw new TypeErrorClass('hide was given too many names');
        }
        hidden += (hidden === '' ? '' : ',') + stringify(name);
      }
    },
  };

  /** The message and the stack of what was thrown, whose members may throw in their turn. */
  function partsOf(error: unknown): { message: string; stack: string } {
    let message = 'an error that cannot be printed';
    let known: unknown;
    try {
      message = describe(error);
    } catch {
      // It stays at that.
    }
    try {
      known = (error as { stack?: unknown }).stack;
    } catch {
      // It has none, then.
    }
    const stack = typeof known === 'string' ? cut(known, 20_000) : '';
    return { message: cut(message, limits.line), stack };
  }

  /** Ends the call as a throw that no `catch` sees. */
  function fail(error: unknown): never {
    const { message, stack } = partsOf(error);
    ended([message, stack]);
  }

  function wrong(message: string): never {
    fail(new TypeErrorClass(message));
  }

  /** Ends the call, to be executed again: with an answer to `call`, or, without one, with room for more effects. */
  function pause(call?: string): never {
    hostPause(
      `[${call === undefined ? 'null' : stringify(call)},[${effects}],${effects.length},${prints}]`,
    );
    for (;;);
  }

  /**
   * Whether an effect is known from an earlier execution of the run. One that cannot be recorded ends
   * the run, so that effects can be told apart by their number.
   */
  function isKnown(): boolean {
    if (asked < state[1]) {
      asked++;
      return true;
    }
    if (effectCount >= limits.effects) pause();
    return false;
  }

  /** An effect's value, as JSON at the time of the call. */
  function json(value: unknown): string {
    try {
      return stringify(value === undefined ? null : value, checked) ?? 'null';
    } catch (error) {
      return fail(error);
    }
  }

  function record(kind: string, name: string, value: string): void {
    const effect = `["${kind}",${stringify(name)},${value}]`;
    if (state[2] + effects.length + effect.length > limits.effectChars) {
      wrong(
        `what it asks for is longer than ${limits.effectChars} characters of JSON, beyond limits.hookWrites`,
      );
    }
    asked++;
    effectCount++;
    effects += (effects === '' ? '' : ',') + effect;
  }

  /** The R of an object, which may be given instead. */
  function rOf(thing: unknown): string | undefined {
    if (typeof thing === 'string') return thing;
    if (typeof thing !== 'object' || thing === null) return undefined;
    const { _r: r } = thing as { readonly _r?: unknown };
    return typeof r === 'string' ? r : undefined;
  }

  function noR(kind: string): string {
    return `${kind} takes an R, a text, first, or an object that has one`;
  }

  /** JSON of the R to read. */
  function targetOf(thing: unknown, otherwise: string): string {
    const r = rOf(thing);
    if (r === undefined) throw new TypeErrorClass(otherwise);
    return stringify(r);
  }

  function write(kind: string, r: unknown, value: unknown): void {
    if (isKnown()) return;
    record(kind, rOf(r) ?? wrong(noR(kind)), json(value));
  }

  /** Each of a list of `[r, value]`. */
  function writeEach(kind: string, list: readonly unknown[]): void {
    for (let index = 0; index < list.length; index++) {
      const pair = list[index];
      if (!isArray(pair))
        wrong(`${kind} takes a list of [R, ${kind === 'create' ? 'body' : 'changes'}]`);
      write(kind, pair[0], pair[1]);
    }
  }

  /** The same for each of a list of Rs. */
  function writeSame(kind: string, list: readonly unknown[], value: unknown): void {
    let same: string | undefined;
    for (let index = 0; index < list.length; index++) {
      if (isKnown()) continue;
      same ??= json(value);
      record(kind, rOf(list[index]) ?? wrong(noR(kind)), same);
    }
  }

  const inPostHooks = {
    emit(name: unknown, data: unknown): void {
      if (isKnown()) return;
      record(
        'emit',
        typeof name === 'string' ? name : wrong('emit takes a name, a text, first'),
        json(data),
      );
    },
    create(r: unknown, body: unknown): void {
      if (isArray(r)) writeEach('create', r);
      else if (!isArray(body)) write('create', r, body);
      else for (let index = 0; index < body.length; index++) write('create', r, body[index]);
    },
    update(r: unknown, changes: unknown): void {
      if (!isArray(r)) write('update', r, changes);
      else if (changes === undefined) writeEach('update', r);
      else writeSame('update', r, changes);
    },
    remove(r: unknown): void {
      if (isArray(r)) writeSame('remove', r, null);
      else write('remove', r, null);
    },
    get(r: unknown): unknown {
      const otherwise = noR('get');
      if (!isArray(r)) return answerTo('get', `["get",${targetOf(r, otherwise)}]`);
      let targets = '';
      for (let index = 0; index < r.length; index++) {
        targets += (index === 0 ? '' : ',') + targetOf(r[index], otherwise);
      }
      return answerTo('get', `["get",[${targets}]]`);
    },
    read(r: unknown, options: unknown): unknown {
      return answerTo('read', searchCall('read', r, options));
    },
    count(r: unknown, options: unknown): unknown {
      return answerTo('count', searchCall('count', r, options));
    },
  };

  /** The answer to a read: known, if an earlier execution of the run came to it. */
  function answerTo(name: string, call: string): unknown {
    if (call.length > limits.result) {
      throw new TypeErrorClass(`${name} takes ${limits.result} characters of JSON, and no more`);
    }
    const [answers] = state;
    const known = answers[reads];
    if (known === undefined) {
      if (reads >= limits.reads) {
        throw readError({
          code: 429,
          message: `${name}: a run may read ${limits.reads} times (get takes a list, and read finds up to 1,000): beyond limits.hookReads`,
        });
      }
      return pause(call);
    }
    reads++;
    const [before, reply] = known;
    if (before !== call) {
      wrong(
        `it asks for ${cut(call, 200)} where it asked for ${cut(before, 200)} before: executed again, a run has to ask for the same`,
      );
    }
    if (reply.error !== undefined) throw readError(reply.error);
    return reply.value;
  }

  function readError({
    code,
    message,
    errors: details,
  }: NonNullable<GuestReply['error']>): unknown {
    const error = new ErrorClass(message) as Error & { code?: number; errors?: unknown };
    error.code = code;
    if (details !== undefined) error.errors = details;
    return error;
  }

  function searchCall(name: string, r: unknown, options: unknown): string {
    const target = targetOf(r, `${name} takes the R of a collection, a text, first`);
    if (options === undefined) return `["${name}",${target}]`;
    if (typeof options !== 'object' || options === null || isArray(options)) {
      throw new TypeErrorClass(`${name} takes an object of options second`);
    }
    return `["${name}",${target},${stringify(options, checked) ?? 'null'}]`;
  }

  const ofMath = {
    random(): number {
      return hostRandom();
    },
  };

  function expose(target: object, functions: object): void {
    for (const [name, value] of Object.entries(functions)) {
      Object.defineProperty(target, name, { value, writable: true, configurable: true });
    }
  }
  expose(globalThis, always);
  expose(globalThis, limits.effects > 0 ? inPostHooks : exceptInPostHooks);
  expose(Math, ofMath);

  function refuse(what: string, key: unknown): never {
    const where = key === '' ? 'it returned' : `its result holds, at ${describe(key)},`;
    throw new TypeErrorClass(`${where} ${what}, which is no JSON`);
  }

  function checked(key: string, value: unknown): unknown {
    const type = typeof value;
    if (type === 'number' && !isFiniteNumber(value)) refuse(text(value), key);
    if (type === 'function' || type === 'symbol' || type === 'bigint') refuse(`a ${type}`, key);
    return value;
  }

  function written(value: unknown): string {
    if (value === undefined) return 'u';
    if (value === true) return 'jtrue';
    if (value === false) return 'jfalse';
    const json = stringify(value, checked);
    if (json === undefined) return 'u';
    if (json.length > limits.result) {
      throw new TypeErrorClass(`its result is longer than ${limits.result} characters of JSON`);
    }
    return `j${json}`;
  }

  function failed(error: unknown): string {
    // Read first: a member of the error may throw something else.
    const line = isSame(thrownValue, error) ? thrownLine : 0;
    const { message, stack } = partsOf(error);
    const known = stack === '' && line > 0 ? `at script:${line}` : stack;
    return kindOf(message) + stringify([message, known]);
  }

  function kindOf(message: string): string {
    if (message === 'InternalError: out of memory') return 'm';
    const overflow =
      message === 'InternalError: stack overflow' || message === 'SyntaxError: stack overflow';
    return overflow ? 's' : 't';
  }

  function answer(): string {
    if (settled === 'failed') throw result;
    if (settled === 'waiting') {
      throw new TypeErrorClass('it returned a promise that nothing will ever settle');
    }
    const value = written(result);
    if (effects !== '') return `e[${effects}]\n${value}`;
    return hidden === '' ? value : `h[${hidden}]\n${value}`;
  }

  function waitFor(promise: object): void {
    settled = 'waiting';
    const kept = (value: unknown) => {
      settled = 'value';
      result = value;
    };
    const lost = (error: unknown) => {
      settled = 'failed';
      result = error;
    };
    apply(promiseThen, promise, [kept, lost]);
  }

  return {
    run(program, kind, scope) {
      try {
        const values = parse(scope) as unknown[];
        if (kind & 2) state = values.shift() as GuestState;
        const absent = values[values.length - 1] as number[] | 0;
        values.length--;
        if (absent !== 0) for (const index of absent) values[index] = undefined;
        const self = kind & 1 ? values.shift() : undefined;
        result = apply(program, self, values);
        if (typeof result === 'object' && result instanceof PromiseClass) {
          waitFor(result);
          return 'p';
        }
        return answer();
      } catch (error) {
        return failed(error);
      }
    },
    finish() {
      try {
        return answer();
      } catch (error) {
        return failed(error);
      }
    },
    thrown(line, value) {
      thrownLine = line;
      thrownValue = value;
      return value;
    },
  };
}
