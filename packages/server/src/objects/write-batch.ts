import type { Span } from '../platform/tracing.js';
import type { StoredObject } from '../store/stored-object.js';
import type { OnceKey, Write, WriteGroup } from '../store/write-group.js';
import type { CommitEntry, Settlement } from './committer.js';
import { estimateCommitBytes } from './estimate-bytes.js';
import { QueueSlot } from './queue-slot.js';
import type {
  CommitOrderKey,
  PreparedWrite,
  WriteAllOptions,
  WriteAllResult,
  WriteRequest,
} from './write-request.js';

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

export interface WriteBatchOptions extends WriteAllOptions {
  readonly requests: readonly WriteRequest[];
  readonly erases: readonly string[];
  readonly order: number;
  readonly resolve: (result: WriteAllResult) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Requests that are written together or not at all. A batch has one slot in the queue of each of
 * its objects. It begins when it holds all of these queues, with nothing pending before it, and
 * holds them until it has ended, unless that takes long: see `QueueHolds`.
 */
export class WriteBatch {
  readonly requests: readonly WriteRequest[];
  readonly once: OnceKey | undefined;
  readonly erases: readonly string[];
  /** Span of the command, where it is traced. */
  readonly span: Span | undefined;
  readonly order: number;
  readonly owner: string | undefined;
  readonly onLoad: ((object: StoredObject) => void) | undefined;
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
  /** Called when it holds all its queues. */
  onHeld: () => void = () => {};
  /** Its slots in the commit order: one for each order key of its requests. */
  readonly orderSlots: readonly { readonly slot: QueueSlot; readonly orderKey: CommitOrderKey }[];
  readonly resolve: (result: WriteAllResult) => void;
  readonly reject: (error: unknown) => void;
  #over = false;
  #waiting: (() => void)[] = [];

  constructor(options: WriteBatchOptions) {
    const { requests, once, erases, owner, onLoad, span, order, resolve, reject } = options;
    this.requests = requests;
    this.once = once;
    this.erases = erases;
    this.owner = owner;
    this.onLoad = onLoad;
    this.span = span;
    this.order = order;
    this.resolve = resolve;
    this.reject = reject;
    const rs = new Set(requests.map(({ r }) => r));
    this.slots = [...rs].map((r) => new BatchSlot(r, this));
    this.orderSlots = orderKeysOf(requests).map((orderKey) => ({
      slot: new QueueSlot(order, owner),
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

  end(): void {
    this.#over = true;
    for (const resolve of this.#waiting) resolve();
    this.#waiting = [];
  }

  /** Resolves when its outcome is known. */
  async whenEnded(): Promise<void> {
    if (this.#over) return;
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
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

/** The writes of a batch on their way to the store. */
export class BatchEntry implements CommitEntry {
  readonly group: WriteGroup;
  readonly bytes: number;
  readonly dropped = false;
  readonly span: Span | undefined;
  begun = false;
  readonly settle: (settlement: Settlement) => void;
  /** For each side write (after the writes of the requests), the request that has it. */
  readonly #owners: readonly number[];
  readonly #requests: number;

  constructor(
    prepared: readonly PreparedWrite[],
    { once, erases, span }: Pick<WriteBatch, 'once' | 'erases' | 'span'>,
    settle: (settlement: Settlement) => void,
  ) {
    this.span = span;
    const sideWrites = prepared.flatMap((write) => write.sideWrites ?? []);
    const writes: readonly Write[] = [...prepared, ...sideWrites];
    this.group = { writes, once, erases };
    this.bytes = writes.reduce((sum, write) => sum + estimateCommitBytes(write), 0);
    this.settle = settle;
    this.#requests = prepared.length;
    this.#owners = prepared.flatMap((write, index) => (write.sideWrites ?? []).map(() => index));
  }

  /** The request to which a write of the group belongs. */
  ownerOf(index: number): number {
    return this.#owners[index - this.#requests] ?? index;
  }
}
