import { QueueSlot } from './queue-slot.js';
import type { CommitOrderKey, WriteAllOptions, WriteRequest } from './write-request.js';

/** The place of a batch in the queue of one of its objects. */
export class BatchSlot extends QueueSlot {
  readonly r: string;
  readonly batch: WriteBatch;

  constructor(r: string, batch: WriteBatch) {
    super(batch.order, batch.owner);
    this.r = r;
    this.batch = batch;
  }
}

/**
 * Requests that are written together or not at all. A batch has one slot in the queue of each of
 * its objects. It begins when it holds all of these queues, with nothing pending before it, and
 * holds them until it has ended, unless that takes long: see `QueueHolds`.
 */
export class WriteBatch {
  readonly order: number;
  readonly requests: readonly WriteRequest[];
  readonly options: WriteAllOptions;
  readonly owner: string | undefined;
  readonly slots: readonly BatchSlot[];
  /** Of these, the ones that had to let go of their queues. */
  readonly aside = new Set<BatchSlot>();
  /** Slots that wait in their queues. */
  missing: number;
  phase: 'gathering' | 'preparing' | 'committing' = 'gathering';
  /** How often it had to let others by while it was prepared, who changed what it builds on. */
  preparedInVain = 0;
  /** Each of its slots was first in its queue. From then on they go before all others. */
  isComplete = false;
  /** Call when its outcome is known. */
  end: () => void = () => {};
  readonly ended = new Promise<void>((resolve) => {
    this.end = resolve;
  });
  /** Called when it holds all its queues. */
  onHeld: () => void = () => {};
  /** Its slots in the commit order: one for each order key of its requests. */
  readonly orderSlots: readonly { readonly slot: QueueSlot; readonly orderKey: CommitOrderKey }[];

  constructor(order: number, requests: readonly WriteRequest[], options: WriteAllOptions) {
    this.order = order;
    this.requests = requests;
    this.options = options;
    this.owner = options.owner;
    const rs = new Set(requests.map(({ r }) => r));
    this.slots = [...rs].map((r) => new BatchSlot(r, this));
    this.orderSlots = orderKeysOf(requests).map((orderKey) => ({
      slot: new QueueSlot(order, options.owner),
      orderKey,
    }));
    this.missing = rs.size;
  }

  /** Resolves when its predecessors in the commit order were tried. */
  async predecessorsTried(): Promise<void> {
    for (const { slot } of this.orderSlots) await slot.predecessorTried();
  }

  /** Its writes are submitted, or it has ended. */
  markTried(): void {
    for (const slot of this.slots) slot.markTried();
    for (const { slot } of this.orderSlots) slot.markTried();
  }
}

function orderKeysOf(requests: readonly WriteRequest[]): CommitOrderKey[] {
  const orderKeys: CommitOrderKey[] = [];
  for (const { orderKey } of requests) {
    if (!orderKey) continue;
    const known = orderKeys.some(
      ({ owner, name }) => owner === orderKey.owner && name === orderKey.name,
    );
    if (!known) orderKeys.push(orderKey);
  }
  return orderKeys;
}
