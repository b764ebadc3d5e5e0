import type { Span } from '../platform/tracing.js';
import type { OnceKey, Write, WriteGroup } from '../store/store.js';
import type { CommitEntry, Settlement } from './committer.js';
import { Place } from './place.js';
import { sizeOfWrite } from './size.js';
import type { Lane, PreparedWrite, WriteAllResult, WriteRequest } from './write-request.js';

/** The place of a batch in the line of one of its objects. */
export class Seat extends Place {
  readonly r: string;
  readonly batch: Batch;

  constructor(r: string, batch: Batch, order: number) {
    super(order);
    this.r = r;
    this.batch = batch;
  }
}

export interface BatchOptions {
  readonly requests: readonly WriteRequest[];
  readonly once: OnceKey | undefined;
  readonly erases: readonly string[];
  readonly span: Span | undefined;
  readonly order: number;
  readonly resolve: (result: WriteAllResult) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Requests that are written together or not at all. It has one seat in the line of each of its objects,
 * all of one order, so that two batches meet in the same order everywhere and never wait for each other.
 * It begins when it is first in all of them, with nothing pending before it, and keeps them until it is over.
 */
export class Batch {
  readonly requests: readonly WriteRequest[];
  readonly once: OnceKey | undefined;
  readonly erases: readonly string[];
  /** Of the command, where that is traced. */
  readonly span: Span | undefined;
  readonly order: number;
  readonly seats: readonly Seat[];
  /** Its places in the lanes of its requests: one in each. */
  readonly laned: readonly { readonly place: Place; readonly lane: Lane }[];
  readonly resolve: (result: WriteAllResult) => void;
  readonly reject: (error: unknown) => void;
  #missing: number;
  #over = false;
  #waiting: (() => void)[] = [];

  constructor({ requests, once, erases, span, order, resolve, reject }: BatchOptions) {
    this.requests = requests;
    this.once = once;
    this.erases = erases;
    this.span = span;
    this.order = order;
    this.resolve = resolve;
    this.reject = reject;
    const rs = new Set(requests.map(({ r }) => r));
    this.seats = [...rs].map((r) => new Seat(r, this, order));
    this.laned = lanesOf(requests).map((lane) => ({ place: new Place(order), lane }));
    this.#missing = rs.size;
  }

  /** A seat of its has come to the front. True where it was the last one. */
  arrive(): boolean {
    this.#missing -= 1;
    return this.#missing === 0;
  }

  /** Resolves when those before it in its lanes were tried. */
  async turn(): Promise<void> {
    for (const { place } of this.laned) await place.turn();
  }

  /** Its writes are on their way, or it is over. */
  endTry(): void {
    for (const seat of this.seats) seat.endTry();
    for (const { place } of this.laned) place.endTry();
  }

  end(): void {
    this.#over = true;
    for (const resolve of this.#waiting) resolve();
    this.#waiting = [];
  }

  /** Resolves when it is known what became of it. */
  async ended(): Promise<void> {
    if (this.#over) return;
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }
}

function lanesOf(requests: readonly WriteRequest[]): Lane[] {
  const lanes: Lane[] = [];
  for (const { lane } of requests) {
    if (!lane) continue;
    const known = lanes.some(({ owner, name }) => owner === lane.owner && name === lane.name);
    if (!known) lanes.push(lane);
  }
  return lanes;
}

/** The writes of a batch on their way to the store. */
export class BatchEntry implements CommitEntry {
  readonly group: WriteGroup;
  readonly bytes: number;
  readonly dropped = false;
  readonly span: Span | undefined;
  begun = false;
  readonly settle: (settlement: Settlement) => void;
  /** The requests that brought the writes that come after those of the requests themselves. */
  readonly #owners: readonly number[];
  readonly #requests: number;

  constructor(
    prepared: readonly PreparedWrite[],
    { once, erases, span }: Pick<Batch, 'once' | 'erases' | 'span'>,
    settle: (settlement: Settlement) => void,
  ) {
    this.span = span;
    const also = prepared.flatMap((write) => write.also ?? []);
    const writes: readonly Write[] = [...prepared, ...also];
    this.group = { writes, once, erases };
    this.bytes = writes.reduce((sum, write) => sum + sizeOfWrite(write), 0);
    this.settle = settle;
    this.#requests = prepared.length;
    this.#owners = prepared.flatMap((write, index) => (write.also ?? []).map(() => index));
  }

  /** The request to which a write of the group belongs. */
  ownerOf(index: number): number {
    return this.#owners[index - this.#requests] ?? index;
  }
}
