/** The host's functions for a realm. Texts are JSON, so that U+0000 and lone surrogates are preserved. */
export interface GuestHost {
  /** A line for the log. */
  print(text: string): void;
  /** `[code, message]` of a cancellation, or `[message, stack]` of an invalid call of `cancel`. */
  cancel(call: string): void;
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
  /** Maximum effects of a script. If above 0 it is a post hook, without `cancel` and `hide`. */
  readonly effects: number;
}

export interface GuestRuntime {
  /**
   * Calls the program. `scope` is a JSON list of its values and, last, the indices of those that are
   * undefined, or 0 where none is. Answers with a text: `u` for undefined, `j` and JSON for a value, `t` and
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
export function guestRuntime(host: GuestHost, limits: GuestLimits): GuestRuntime {
  const { parse, stringify } = JSON;
  const { apply } = Reflect;
  const { print: hostPrint, cancel: hostCancel, random: hostRandom } = host;
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

  let result: unknown;
  let settled: 'value' | 'waiting' | 'failed' = 'value';
  let hidden = '';
  let effects = '';
  let effectCount = 0;
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

  const api = {
    print(...things: unknown[]): void {
      let line = '';
      for (let index = 0; index < things.length && line.length <= limits.line; index++) {
        line += (index === 0 ? '' : ' ') + describe(things[index]);
      }
      hostPrint(stringify(cut(line, limits.line)));
    },
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
    now(): string {
      return apply(toIso, new DateClass(), []);
    },
  };
  /** Records an effect, as JSON at the time of the call. */
  function ask(kind: string, name: unknown, value?: unknown): void {
    if (typeof name !== 'string') {
      throw new TypeErrorClass(
        `${kind} takes ${kind === 'emit' ? 'a name' : 'an R'}, a text, first`,
      );
    }
    if (effectCount >= limits.effects) {
      throw new TypeErrorClass(`a call may ask for ${limits.effects} effects, and no more`);
    }
    const json = stringify(value === undefined ? null : value, checked);
    const effect = `["${kind}",${stringify(name)},${json === undefined ? 'null' : json}]`;
    if (effects.length + effect.length > limits.result) {
      throw new TypeErrorClass(`its effects are longer than ${limits.result} characters of JSON`);
    }
    effectCount++;
    effects += (effects === '' ? '' : ',') + effect;
  }

  const asking = {
    emit(name: unknown, data: unknown): void {
      ask('emit', name, data);
    },
    create(r: unknown, body: unknown): void {
      ask('create', r, body);
    },
    update(r: unknown, changes: unknown): void {
      ask('update', r, changes);
    },
    remove(r: unknown): void {
      ask('remove', r);
    },
  };

  const { random } = {
    random(): number {
      return hostRandom();
    },
  };

  function offer(target: object, name: string, value: unknown): void {
    Object.defineProperty(target, name, { value, writable: true, configurable: true });
  }
  offer(globalThis, 'print', api.print);
  if (limits.effects > 0) {
    offer(globalThis, 'emit', asking.emit);
    offer(globalThis, 'create', asking.create);
    offer(globalThis, 'update', asking.update);
    offer(globalThis, 'remove', asking.remove);
  } else {
    offer(globalThis, 'cancel', api.cancel);
    offer(globalThis, 'hide', api.hide);
  }
  offer(globalThis, 'now', api.now);
  offer(Math, 'random', random);

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
    let message = 'an error that cannot be printed';
    let stack = '';
    // Its members may throw in their turn.
    const line = isSame(thrownValue, error) ? thrownLine : 0;
    try {
      message = describe(error);
    } catch {
      // It stays at that.
    }
    try {
      const known = (error as { stack?: unknown } | null | undefined)?.stack;
      if (typeof known === 'string') stack = known;
    } catch {
      // It has none, then.
    }
    if (stack === '' && line > 0) stack = `at script:${line}`;
    return kindOf(message) + stringify([cut(message, limits.line), cut(stack, 20_000)]);
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
        const absent = values[values.length - 1] as number[] | 0;
        values.length--;
        if (absent !== 0) for (const index of absent) values[index] = undefined;
        const self = kind & 1 ? values.shift() : undefined;
        let called: unknown = program;
        if (kind & 2) {
          called = program();
          if (typeof called !== 'function') throw new TypeErrorClass('it is not a function');
        }
        result = apply(called as () => unknown, self, values);
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
