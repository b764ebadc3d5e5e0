import { Observable } from '../observable.js';
import type { ReallyError } from '../really-error.js';
import { transition } from '../state-machine.js';
import type { WireRequest } from '../wire-message.js';
import type { ClientCommand } from './client-command.js';
import { type WriteEvent, type WriteState, writeTable } from './write-state.js';

/** A write, from the call that made it until its end. Awaited, it resolves when it is committed. */
export interface WriteHandle<Result> extends PromiseLike<Result> {
  /** Its once-id: what pushes of it carry as `meta.once`. */
  readonly id: string;
  readonly state: WriteState['state'];
  /** Resolves when it is kept on this device: at once, unless it is kept on disk. */
  readonly queued: Promise<void>;
  /** What it does, in order; several for a batch. */
  readonly commands: readonly ClientCommand[];
  /** As a promise. Rejects with a `ReallyError` where it is refused or uncertain. */
  readonly committed: Promise<Result>;
  catch<T>(onRejected: (error: ReallyError) => T): Promise<Result | T>;
  finally(onSettled: () => void): Promise<Result>;
  subscribe(listener: () => void): () => void;
  /** The state with what belongs to it; the same reference until it changes. */
  getSnapshot(): WriteState<Result>;
}

export interface WriteOptions {
  /** False: fails with `offline` where there is no connection, and does not wait where the server is busy. */
  readonly queue?: boolean | undefined;
  /** Milliseconds for an answer, 30,000 by default. They count only while it is sent and connected. */
  readonly timeout?: number | undefined;
  /** Takes the write back where it was not sent yet; ends it as `uncertain` where it was. */
  readonly signal?: AbortSignal | undefined;
}

/** The revision that the app saw of an object when it wrote, and the store that it was of. */
export interface SeenRevision {
  /** Of all its fields; `undefined` where it saw some of them, or nothing. */
  rev: number | undefined;
  readonly epoch: string | undefined;
  /** Fields that it saw by themselves, or whose own writes were accepted, up to this revision. */
  readonly known: Map<string, number>;
}

/** What a write is made of. */
export type WriteDetails = Pick<
  ClientWrite,
  'id' | 'commands' | 'isBatch' | 'options' | 'createdAt'
>;

export class ClientWrite<Result = unknown> implements WriteHandle<Result> {
  declare readonly id: string;
  declare readonly commands: readonly ClientCommand[];
  declare readonly isBatch: boolean;
  declare readonly options: WriteOptions;
  /** Milliseconds since 1970. */
  declare readonly createdAt: number;
  /** By R. */
  readonly seen = new Map<string, SeenRevision>();
  /** Writes that have to be settled before this one is sent. */
  blockers = new Set<ClientWrite>();
  /** As it was sent first: sent again it has to be the same. */
  request: WireRequest | undefined;
  /** Sent in an earlier session or by another page, perhaps: nobody knows whether it was applied. */
  isInDoubt = false;
  /** On the device, for other pages and later ones. */
  isKept = false;
  /** It is kept, too, that it is about to be sent. */
  isMarked = false;
  /** Once it is committed, the revision that each command made. Of a delete it is not known. */
  revs: readonly (number | undefined)[] = [];
  readonly committed: Promise<Result>;
  queued = Promise.resolve();
  readonly #changes = new Observable<[]>();
  #state: WriteState<Result> = { state: 'queued' };
  #resolve: (result: Result) => void = () => {};
  #reject: (error: ReallyError) => void = () => {};

  /** The members that are declared above are those of `details`. */
  constructor(details: WriteDetails) {
    Object.assign(this, details);
    this.committed = new Promise<Result>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // A write that nobody awaits may be refused: there is an event for that.
    this.committed.catch(() => {});
  }

  get state(): WriteState['state'] {
    return this.#state.state;
  }

  getSnapshot(): WriteState<Result> {
    return this.#state;
  }

  get isSettled(): boolean {
    return this.state !== 'queued' && this.state !== 'sent';
  }

  /** Since when it may have been applied. */
  get firstSentAt(): number | undefined {
    return (this.#state as { readonly firstSentAt?: number }).firstSentAt;
  }

  apply(event: WriteEvent<Result>): void {
    const before = this.#state;
    const after = transition(writeTable, before, event) as WriteState<Result>;
    if (after === before) return;
    this.#state = after;
    if ('result' in after) this.#resolve(after.result);
    if ('error' in after) this.#reject(after.error);
    this.#changes.emit();
  }

  subscribe(listener: () => void): () => void {
    return this.#changes.subscribe(listener);
  }

  // biome-ignore lint/suspicious/noThenProperty: a write is awaited like a promise
  then<A = Result, B = never>(
    onResolved?: ((result: Result) => A | PromiseLike<A>) | null,
    onRejected?: ((error: ReallyError) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.committed.then(onResolved, onRejected);
  }

  catch<T>(onRejected: (error: ReallyError) => T): Promise<Result | T> {
    return this.committed.catch(onRejected);
  }

  finally(onSettled: () => void): Promise<Result> {
    return this.committed.finally(onSettled);
  }
}
