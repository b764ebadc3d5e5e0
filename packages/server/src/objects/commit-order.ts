import type { QueueSlot } from './queue-slot.js';
import type { CommitOrderKey } from './write-request.js';

/** Keeps the requests of a lane in order on their way to the commit, although each is in a line of its own. */
export class CommitOrder {
  /** By owner and name, the last one. Only while it was not tried yet: nobody has to wait for it then. */
  readonly #last = new WeakMap<object, Map<string, QueueSlot>>();

  /** Puts a request behind the one that came before it there. */
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
