import type { Span } from '../platform/tracing.js';
import type { WriteGroup } from '../store/store.js';
import type { CommitEntry, Settlement } from './committer.js';
import { estimateWriteBytes } from './estimate-bytes.js';
import { QueueSlot } from './queue-slot.js';
import { BatchSlot } from './write-batch.js';
import type { PreparedWrite, SingleWriteRequest, WriteResult } from './write-request.js';

/** A request to write one object, in its line. */
export class QueuedWrite extends QueueSlot {
  readonly request: SingleWriteRequest;
  readonly resolve: (result: WriteResult) => void;
  readonly reject: (error: unknown) => void;
  /** How often its base turned out to be not what is stored. */
  conflicts = 0;
  /** Set once it had to start again: from then on it builds on committed states only. */
  committedOnly = false;

  constructor(
    request: SingleWriteRequest,
    order: number,
    resolve: (result: WriteResult) => void,
    reject: (error: unknown) => void,
  ) {
    super(order);
    this.request = request;
    this.resolve = resolve;
    this.reject = reject;
  }
}

/** A write that was prepared and waits for its commit. The next one of the same object builds on it. */
export class PendingWrite implements CommitEntry {
  readonly queued: QueuedWrite;
  readonly write: PreparedWrite;
  readonly group: WriteGroup;
  readonly bytes: number;
  state: 'waiting' | 'committed' | 'dropped' = 'waiting';
  begun = false;
  /** Requests that were refused on the ground of this write: told when it is committed, started again when it is not. */
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
    this.bytes = writes.reduce((sum, sideWrite) => sum + estimateWriteBytes(sideWrite), 0);
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

  /** Moves on to its last state, and wakes who waited for that. */
  end(state: 'committed' | 'dropped'): void {
    this.state = state;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting) for (const resolve of waiting) resolve();
  }

  /** Resolves when it is known what became of it. */
  async whenEnded(): Promise<void> {
    if (this.state !== 'waiting') return;
    await new Promise<void>((resolve) => {
      this.#waiting ??= [];
      this.#waiting.push(resolve);
    });
  }
}

/** Everything that is under way for one object. */
export class ObjectQueue {
  readonly r: string;
  /** Not prepared yet, in the order in which they came. */
  waiting: (QueuedWrite | BatchSlot)[] = [];
  /** Prepared, each built on the one before, the first on the stored state. */
  pending: PendingWrite[] = [];
  /** What is being prepared, one at a time. A batch stays until it is over: nothing builds on what is not committed of it. */
  preparing: QueuedWrite | BatchSlot | undefined;

  constructor(r: string) {
    this.r = r;
  }

  get empty(): boolean {
    return this.waiting.length === 0 && this.pending.length === 0 && !this.preparing;
  }

  /** Resolves when those that came before `order` were tried, and what is pending then is committed or dropped. */
  async whenSettled(order: number): Promise<void> {
    const slots = this.preparing ? [this.preparing, ...this.waiting] : this.waiting;
    // First tries are made in order: the last one stands for all.
    await slots.findLast((slot) => slot.order < order && !slot.tried)?.whenTried();
    const { preparing } = this;
    if (preparing instanceof BatchSlot && preparing.order < order)
      await preparing.batch.whenEnded();
    else await this.pending.at(-1)?.whenEnded();
  }

  /** Puts jobs back where they stood. */
  restore(queuedWrites: readonly QueuedWrite[]): void {
    for (const queued of queuedWrites) queued.committedOnly = true;
    this.waiting = [...queuedWrites, ...this.waiting].sort((a, b) => a.order - b.order);
  }

  /** Drops every pending write and hands them over. */
  dropPending(): PendingWrite[] {
    const dropped = this.pending;
    this.pending = [];
    for (const pending of dropped) pending.end('dropped');
    return dropped;
  }
}
