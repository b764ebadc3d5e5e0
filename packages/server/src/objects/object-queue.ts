import type { Span } from '../platform/tracing.js';
import type { WriteGroup } from '../store/write-group.js';
import type { CommitEntry, Settlement } from './committer.js';
import { estimateGroupBytes } from './estimate-bytes.js';
import { type QueuePlace, QueueSlot } from './queue-slot.js';
import { BatchSlot } from './write-batch.js';
import type { PreparedWrite, SingleWriteRequest, WriteResult } from './write-request.js';

/** A request to write one object, in the queue of that object. */
export class QueuedWrite extends QueueSlot {
  readonly request: SingleWriteRequest;
  readonly resolve: (result: WriteResult) => void;
  readonly reject: (error: unknown) => void;
  /** How often its base turned out not to be the stored state. */
  conflicts = 0;
  /** Set once it was retried: from then on it builds on committed states only. */
  committedOnly = false;

  constructor(
    request: SingleWriteRequest,
    order: number,
    resolve: (result: WriteResult) => void,
    reject: (error: unknown) => void,
  ) {
    super(order, request.owner);
    this.request = request;
    this.resolve = resolve;
    this.reject = reject;
  }
}

/** A prepared write that waits for its commit. The next write of the same object builds on it. */
export class PendingWrite implements CommitEntry {
  readonly queued: QueuedWrite;
  readonly write: PreparedWrite;
  readonly group: WriteGroup;
  readonly bytes: number;
  state: 'waiting' | 'committed' | 'dropped' = 'waiting';
  begun = false;
  /** Refused because of this write: rejected when it is committed, retried when it is not. */
  readonly refused: { readonly queued: QueuedWrite; readonly error: unknown }[] = [];
  readonly #onSettled: (pending: PendingWrite, settlement: Settlement) => void;
  #waiting: (() => void)[] | undefined;

  constructor(
    queued: QueuedWrite,
    write: PreparedWrite,
    onSettled: (pending: PendingWrite, settlement: Settlement) => void,
  ) {
    this.queued = queued;
    this.write = write;
    const writes = write.sideWrites ? [write, ...write.sideWrites] : [write];
    this.group = { writes, once: queued.request.once };
    this.bytes = estimateGroupBytes(this.group);
    this.#onSettled = onSettled;
  }

  get dropped(): boolean {
    return this.state === 'dropped';
  }

  get span(): Span | undefined {
    return this.queued.request.span;
  }

  settle(settlement: Settlement): void {
    this.#onSettled(this, settlement);
  }

  end(state: 'committed' | 'dropped'): void {
    this.state = state;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting) for (const resolve of waiting) resolve();
  }

  /** Resolves when its outcome is known. */
  async whenEnded(): Promise<void> {
    if (this.state !== 'waiting') return;
    await new Promise<void>((resolve) => {
      this.#waiting ??= [];
      this.#waiting.push(resolve);
    });
  }
}

/** Requests of one owner in a row, after which one of another owner that waits behind them is next. */
const mostInARow = 32;

/** Batches that are complete go first, and of these and of all others the one that came first. */
export function compareSlots(a: QueueSlot, b: QueueSlot): number {
  return Number(isOfComplete(b)) - Number(isOfComplete(a)) || a.order - b.order;
}

const isOfComplete = (slot: QueueSlot) => slot instanceof BatchSlot && slot.batch.isComplete;

/** Everything in progress for one object. */
export class ObjectQueue {
  readonly r: string;
  /** Not prepared yet, in the order of arrival; those of batches that are complete are in front. */
  waiting: (QueuedWrite | BatchSlot)[] = [];
  /** Prepared; each builds on the one before, the first on the stored state. */
  pending: PendingWrite[] = [];
  /** What is being prepared, one at a time. A batch until it has ended: nothing builds on its uncommitted writes. */
  preparing: QueuedWrite | BatchSlot | undefined;
  /** By owner, what had to let others by: see `QueueHolds`. The owner's next ones wait for it. */
  readonly aside = new Map<string | undefined, QueuedWrite | BatchSlot>();
  /** How often the state that the next request builds on has changed. */
  moves = 0;
  #lastOwner: string | undefined;
  #inARow = 0;

  constructor(r: string) {
    this.r = r;
  }

  get empty(): boolean {
    const isIdle = this.waiting.length === 0 && this.pending.length === 0 && !this.preparing;
    return isIdle && this.aside.size === 0;
  }

  /** Whose turn it is: the first, unless its owner had many in a row, or has a request aside. */
  get next(): QueuedWrite | BatchSlot | undefined {
    if (this.waiting.length === 0) return undefined;
    const first = this.#firstOf(({ owner }) => !this.aside.has(owner));
    if (!first || isOfComplete(first)) return first;
    if (first.owner !== this.#lastOwner || this.#inARow < mostInARow) return first;
    return this.#firstOf(({ owner }) => owner !== first.owner && !this.aside.has(owner)) ?? first;
  }

  #firstOf(mayBeNext: (slot: QueueSlot) => boolean): QueuedWrite | BatchSlot | undefined {
    const [first] = this.waiting;
    return !first || mayBeNext(first) ? first : this.waiting.find(mayBeNext);
  }

  /** Takes the next request out of the queue, to prepare it. */
  take(slot: QueuedWrite | BatchSlot): void {
    if (slot === this.waiting[0]) this.waiting.shift();
    else this.waiting.splice(this.waiting.indexOf(slot), 1);
    // After as many as may be in a row it takes a row of others, or there are none.
    const isInARow = slot.owner === this.#lastOwner && this.#inARow < mostInARow;
    this.#inARow = isInARow ? this.#inARow + 1 : 1;
    this.#lastOwner = slot.owner;
    this.preparing = slot;
  }

  /** The request that is being prepared lets the next ones by. */
  setAside(slot: QueuedWrite | BatchSlot): void {
    this.preparing = undefined;
    this.aside.set(slot.owner, slot);
  }

  /** Puts a slot that was aside in front of those that wait. */
  takeBack(slot: BatchSlot): void {
    this.aside.delete(slot.owner);
    this.#enter([slot]);
  }

  /** The request is not being prepared any more. */
  leave(slot: QueuedWrite | BatchSlot): void {
    if (this.preparing === slot) this.preparing = undefined;
    else if (this.aside.get(slot.owner) === slot) this.aside.delete(slot.owner);
  }

  /** Whether what was prepared while `moves` counted still fits what the queue has come to. */
  isCurrent(slot: QueuedWrite, moves: number): boolean {
    return this.preparing === slot || (this.moves === moves && !this.preparing);
  }

  /**
   * Resolves when requests of the slot's owner that came before it were tried, and what is pending
   * then is committed or dropped. Those of others may take as long as they like: what they have not
   * committed yet need not be seen.
   */
  async whenSettled({ order, owner }: QueuePlace): Promise<void> {
    const isBefore = (slot: QueueSlot | undefined) =>
      slot !== undefined && slot.order < order && slot.owner === owner;
    const isAwaited = (slot: QueueSlot | undefined) => isBefore(slot) && !slot?.tried;
    // First tries of one owner are made in order, so waiting for the last suffices.
    const begun = [this.preparing, this.aside.get(owner)].find(isAwaited);
    await (this.waiting.findLast(isAwaited) ?? begun)?.whenTried();
    const { preparing } = this;
    if (preparing instanceof BatchSlot && isBefore(preparing)) await preparing.batch.ended;
    else await this.pending.at(-1)?.whenEnded();
  }

  /** Puts queued writes back in their order. */
  restore(queuedWrites: readonly QueuedWrite[]): void {
    for (const queued of queuedWrites) queued.committedOnly = true;
    this.#enter(queuedWrites);
  }

  #enter(slots: readonly (QueuedWrite | BatchSlot)[]): void {
    this.waiting = [...slots, ...this.waiting].sort(compareSlots);
  }

  /** Drops and returns every pending write. */
  dropPending(): PendingWrite[] {
    const dropped = this.pending;
    this.pending = [];
    for (const pending of dropped) pending.end('dropped');
    return dropped;
  }
}
