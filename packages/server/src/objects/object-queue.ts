import type { Span } from '../platform/tracing.js';
import type { WriteGroup } from '../store/write-group.js';
import type { CommitEntry, Settlement } from './committer.js';
import { estimateCommitBytes } from './estimate-bytes.js';
import { QueueSlot } from './queue-slot.js';
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
    super(order);
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
  /**
   * Requests refused because of this write: rejected when it is committed, retried when it is not.
   */
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
    this.bytes = writes.reduce((sum, sideWrite) => sum + estimateCommitBytes(sideWrite), 0);
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

  /** Moves to the final state and wakes those that wait for it. */
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

/** Everything in progress for one object. */
export class ObjectQueue {
  readonly r: string;
  /** Not prepared yet, in the order of arrival. */
  waiting: (QueuedWrite | BatchSlot)[] = [];
  /** Prepared; each builds on the one before, the first on the stored state. */
  pending: PendingWrite[] = [];
  /**
   * What is being prepared, one at a time. A batch stays until it has ended: nothing builds on its
   * uncommitted writes.
   */
  preparing: QueuedWrite | BatchSlot | undefined;

  constructor(r: string) {
    this.r = r;
  }

  get empty(): boolean {
    return this.waiting.length === 0 && this.pending.length === 0 && !this.preparing;
  }

  /**
   * Resolves when requests that came before `order` were tried, and what is pending then is
   * committed or dropped.
   */
  async whenSettled(order: number): Promise<void> {
    const slots = this.preparing ? [this.preparing, ...this.waiting] : this.waiting;
    // First tries are made in order, so waiting for the last suffices.
    await slots.findLast((slot) => slot.order < order && !slot.tried)?.whenTried();
    const { preparing } = this;
    if (preparing instanceof BatchSlot && preparing.order < order)
      await preparing.batch.whenEnded();
    else await this.pending.at(-1)?.whenEnded();
  }

  /** Puts queued writes back in their order. */
  restore(queuedWrites: readonly QueuedWrite[]): void {
    for (const queued of queuedWrites) queued.committedOnly = true;
    this.waiting = [...queuedWrites, ...this.waiting].sort((a, b) => a.order - b.order);
  }

  /** Drops and returns every pending write. */
  dropPending(): PendingWrite[] {
    const dropped = this.pending;
    this.pending = [];
    for (const pending of dropped) pending.end('dropped');
    return dropped;
  }
}
