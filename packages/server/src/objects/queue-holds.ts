import type { Timer, Timers } from '../platform/platform.js';
import { compareSlots, type ObjectQueue, type QueuedWrite } from './object-queue.js';
import { BatchSlot, type WriteBatch } from './write-batch.js';

/** Milliseconds between two looks at who holds a queue. */
const lookEvery = 50;

/** Looks after which a request that others wait for lets them by the first time. */
const firstPatience = 2;

interface Queues {
  queues(): Iterable<ObjectQueue>;
  queueOf(r: string): ObjectQueue;
  /** Prepares the next request of a queue, if that is possible now. */
  advance(queue: ObjectQueue): void;
}

/**
 * What holds the queue of an object may wait for things that its owner can make last: for the
 * queues of other objects, for its owner's turn to run a script. So a request that holds a queue for
 * long steps aside, and those of other owners are let by. It goes on meanwhile; if the object has
 * changed by the time it is prepared, it is prepared again.
 *
 * A batch that has been first in all its queues, if not at the same time, is complete: it takes back
 * the queues that it had to let go of, before all that wait there. A queue that is held by a batch
 * which waits for another one is given to a batch that goes before it. So of all complete batches
 * the first gets what it waits for, and whatever else holds a queue steps aside in the end: nothing
 * waits for ever.
 */
export class QueueHolds {
  readonly #timers: Timers;
  readonly #queues: Queues;
  #timer: Timer | undefined;
  /** For how many looks the same request has held the queue, in the same phase. */
  #looks = new Map<ObjectQueue, Look>();

  constructor(timers: Timers, queues: Queues) {
    this.#timers = timers;
    this.#queues = queues;
  }

  /** Call when a request has come to hold a queue. */
  watch(queue: ObjectQueue): void {
    if (queue.waiting.length === 0) return;
    this.#timer ??= this.#timers.every(lookEvery, () => this.#look());
  }

  /** Call when a request waits for the one that holds its queue. */
  contend(queue: ObjectQueue): void {
    const { preparing } = queue;
    if (queue.waiting.length === 0) return;
    this.watch(queue);
    if (!(preparing instanceof BatchSlot) || preparing.batch.phase !== 'gathering') return;
    const { next } = queue;
    const isFirst = next instanceof BatchSlot && compareSlots(next, preparing) < 0;
    if (isFirst) this.#letBy(queue, preparing);
  }

  /** Call when the slot of a batch has come to hold its queue. */
  arrive({ batch }: BatchSlot): void {
    batch.missing -= 1;
    if (batch.missing > 0) return;
    batch.isComplete = true;
    if (batch.aside.size > 0) this.#takeBack(batch);
    else {
      batch.phase = 'preparing';
      batch.onHeld();
    }
  }

  /** Resolves when a batch that was prepared holds all its queues again. */
  reclaim(batch: WriteBatch): Promise<void> {
    batch.phase = 'gathering';
    batch.preparedInVain += 1;
    return new Promise((resolve) => {
      batch.onHeld = resolve;
      this.#takeBack(batch);
    });
  }

  #takeBack(batch: WriteBatch): void {
    const slots = [...batch.aside];
    batch.aside.clear();
    batch.missing += slots.length;
    for (const slot of slots) this.#queues.queueOf(slot.r).takeBack(slot);
    // Those that it holds, too: while it was prepared, it did not give them to others.
    for (const { r } of batch.slots) this.#queues.advance(this.#queues.queueOf(r));
  }

  #letBy(queue: ObjectQueue, slot: QueuedWrite | BatchSlot): void {
    queue.setAside(slot);
    if (slot instanceof BatchSlot) {
      const { batch } = slot;
      batch.aside.add(slot);
      if (batch.phase === 'gathering' && batch.isComplete) this.#takeBack(batch);
    }
    this.#queues.advance(queue);
  }

  #look(): void {
    const before = this.#looks;
    this.#looks = new Map();
    for (const queue of [...this.#queues.queues()]) {
      const slot = heldFromOthers(queue);
      if (!slot) continue;
      const [phase, patience] = [phaseOf(slot), patienceFor(slot)];
      const known = before.get(queue);
      const isSame = known?.slot === slot && known.phase === phase && known.patience === patience;
      const count = isSame ? known.count + 1 : 1;
      if (count > patience) this.#letBy(queue, slot);
      else this.#looks.set(queue, { slot, phase, patience, count });
    }
    // Those that were let by may hold the queue from yet others now.
    for (const queue of this.#queues.queues()) if (heldFromOthers(queue)) return;
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}

interface Look {
  readonly slot: QueuedWrite | BatchSlot;
  readonly phase: WriteBatch['phase'] | undefined;
  readonly patience: number;
  readonly count: number;
}

/** The request that holds this queue, if one of another owner waits for it. */
function heldFromOthers({ preparing, waiting }: ObjectQueue): QueuedWrite | BatchSlot | undefined {
  const isWaitedFor = waiting.some(({ owner }) => owner !== preparing?.owner);
  return isWaitedFor ? preparing : undefined;
}

function phaseOf(slot: QueuedWrite | BatchSlot): WriteBatch['phase'] | undefined {
  return slot instanceof BatchSlot ? slot.batch.phase : undefined;
}

/** Looks for which a request may hold its queue. One that was prepared in vain before gets more. */
function patienceFor(slot: QueuedWrite | BatchSlot): number {
  if (!(slot instanceof BatchSlot)) return firstPatience + slot.conflicts;
  const { phase, isComplete, preparedInVain } = slot.batch;
  const mayWait = phase === 'preparing' || (phase === 'gathering' && !isComplete);
  return mayWait ? firstPatience + preparedInVain : Number.POSITIVE_INFINITY;
}
