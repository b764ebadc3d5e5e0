import type { QueueSlot } from './queue-slot.js';
import type { CommitOrderKey } from './write-request.js';

/** Keeps requests with the same order key in order until the commit, although each waits in its object's queue. */
export class CommitOrder {
  /** The last request by owner and name, until it was tried: nothing has to wait for it then. */
  readonly #last = new WeakMap<object, Map<string, QueueSlot>>();

  /** Puts a request behind the previous one with the same key. */
  enter(slot: QueueSlot, orderKey: CommitOrderKey): void {
    const lastSlots = this.#last.get(orderKey.owner) ?? new Map<string, QueueSlot>();
    this.#last.set(orderKey.owner, lastSlots);
    slot.predecessor = lastSlots.get(orderKey.name);
    lastSlots.set(orderKey.name, slot);
    void slot.whenTried().then(() => {
      if (lastSlots.get(orderKey.name) === slot) lastSlots.delete(orderKey.name);
      if (lastSlots.size === 0) this.#last.delete(orderKey.owner);
    });
  }
}
