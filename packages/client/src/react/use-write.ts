import { useMemo, useSyncExternalStore } from 'react';
import type { KnownR } from '../models.js';
import type { Really } from '../really.js';
import type { ReallyError } from '../really-error.js';
import type { BatchBuilder } from '../refs/batch-builder.js';
import type { CreateOptions, DeleteOptions, DeleteResult, UpdateResult } from '../refs/refs.js';
import type { WriteHandle, WriteOptions } from '../writes/client-write.js';
import type { UpdateBuilder } from '../writes/update-builder.js';
import type { WriteState } from '../writes/write-state.js';
import { useProvided } from './provider.js';
import type { CreateOf, LiveOf, OpsOf, RegisteredModels } from './register.js';

/** Writes by address. Each returns its handle, which need not be awaited. They are the same functions at each render. */
export interface WriteFunctions {
  create<const R extends string>(
    r: KnownR<RegisteredModels, R>,
    body: CreateOf<R>,
    options?: CreateOptions,
  ): WriteHandle<LiveOf<R>>;
  update<const R extends string>(
    r: KnownR<RegisteredModels, R>,
    build: (update: UpdateBuilder<OpsOf<R>>) => unknown,
    options?: WriteOptions,
  ): WriteHandle<UpdateResult>;
  delete<const R extends string>(
    r: KnownR<RegisteredModels, R>,
    options?: DeleteOptions,
  ): WriteHandle<DeleteResult>;
  batch(
    build: (batch: BatchBuilder<RegisteredModels>) => unknown,
    options?: WriteOptions,
  ): WriteHandle<readonly unknown[]>;
}

/** The writes that one component made, and how the last of them stands. */
export interface WriteHookResult extends WriteFunctions {
  /** Of the last one; `idle` before the first. */
  readonly status: WriteState['state'] | 'idle';
  /** What the last one resolved with. */
  readonly value: unknown;
  /** The last one waits to be sent: there is no connection, for example. */
  readonly stale: boolean;
  /** Whether any of them is not settled. */
  readonly pending: boolean;
  /** Why the last one was refused, or is uncertain. */
  readonly error: ReallyError | undefined;
}

/** Writes, with the state of those that this component makes. */
export function useWrite(): WriteHookResult {
  const { client } = useProvided();
  const writes = useMemo(() => new ComponentWrites(client), [client]);
  return useSyncExternalStore(writes.subscribe, writes.getSnapshot, writes.getSnapshot);
}

class ComponentWrites {
  readonly #listeners = new Set<() => void>();
  readonly #functions: WriteFunctions;
  #last: WriteHandle<unknown> | undefined;
  #unsettled = 0;
  #snapshot: WriteHookResult | undefined;

  constructor(client: Really) {
    const track = <Result>(write: WriteHandle<Result>) => this.#track(write);
    const functions = {
      create: (r: string, body: never, options?: CreateOptions) =>
        track(client.collection(r).create(body, options)),
      update: (r: string, build: (update: never) => unknown, options?: WriteOptions) =>
        track(client.object(r).update(build as never, options)),
      delete: (r: string, options?: DeleteOptions) => track(client.object(r).delete(options)),
      batch: (build: (batch: never) => unknown, options?: WriteOptions) =>
        track(client.batch(build as never, options)),
    };
    this.#functions = functions as unknown as WriteFunctions;
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly getSnapshot = (): WriteHookResult => {
    this.#snapshot ??= { ...this.#functions, ...this.#state() };
    return this.#snapshot;
  };

  #state(): Omit<WriteHookResult, keyof WriteFunctions> {
    const state = this.#last?.getSnapshot();
    return {
      status: state?.state ?? 'idle',
      value: state?.state === 'committed' ? state.result : undefined,
      stale: state?.state === 'queued',
      pending: this.#unsettled > 0,
      error: state && 'error' in state ? state.error : undefined,
    };
  }

  #track<Result>(write: WriteHandle<Result>): WriteHandle<Result> {
    this.#last = write;
    if (isUnsettled(write)) {
      this.#unsettled += 1;
      const end = write.subscribe(() => {
        if (!isUnsettled(write)) {
          this.#unsettled -= 1;
          end();
        }
        this.#changed();
      });
    }
    this.#changed();
    return write;
  }

  #changed(): void {
    this.#snapshot = undefined;
    for (const listener of [...this.#listeners]) listener();
  }
}

function isUnsettled({ state }: WriteHandle<unknown>): boolean {
  return state === 'queued' || state === 'sent';
}
