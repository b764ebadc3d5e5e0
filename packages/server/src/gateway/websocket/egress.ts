import type { OutputTotal } from '../limits/output-total.js';

/** Metrics of egress; counts are per flush. */
export interface EgressMetrics {
  wrote(sockets: number, frames: number, bytes: number): void;
}

/** What egress writes to: the output of one socket. */
export interface EgressTarget {
  /** The frames that were queued, and then no more; `undefined` where there are none. */
  takeQueued(): readonly Buffer[] | undefined;
  write(chunks: readonly Buffer[]): void;
}

export interface EgressOptions {
  /** Bytes that may wait per socket before it is congested (rule LIM4). */
  readonly limit: number;
  readonly metrics: EgressMetrics;
  /** The output waiting for all sockets of the node (rule LIM32). */
  readonly total: Pick<OutputTotal, 'record' | 'release'>;
  /** When to flush; by default at the end of this tick of the event loop. */
  readonly schedule?: ((flush: () => void) => void) | undefined;
}

/** Multiple of the limit beyond which a socket overflows (rule LIM4). */
export const overflowFactor = 8;

/**
 * Bytes up to which the frames of one socket are copied together; larger ones are written
 * separately.
 */
const largestCopy = 256 * 1024;

/**
 * Collects what each socket gets in this tick of the event loop and writes it with one system call,
 * which is the main cost of a delivery. Sockets with the same frames in the same order, such as the
 * subscribers of one object, share one buffer.
 */
export class Egress {
  readonly limit: number;
  readonly ceiling: number;
  readonly total: Pick<OutputTotal, 'record' | 'release'>;
  readonly #metrics: EgressMetrics;
  readonly #schedule: (flush: () => void) => void;
  readonly #flush = () => this.flush();
  #dirty: EgressTarget[] = [];
  /** Sockets with more output waiting than the limit. */
  congested = 0;

  constructor(options: EgressOptions) {
    this.limit = options.limit;
    this.ceiling = options.limit * overflowFactor;
    this.total = options.total;
    this.#metrics = options.metrics;
    this.#schedule = options.schedule ?? setImmediate;
  }

  /** Called by socket writers that have something to write. */
  schedule(writer: EgressTarget): void {
    this.#dirty.push(writer);
    if (this.#dirty.length === 1) this.#schedule(this.#flush);
  }

  /** Writes everything collected. */
  flush(): void {
    const writers = this.#dirty;
    this.#dirty = [];
    const batch = new SharedBatch();
    let sockets = 0;
    let frames = 0;
    let bytes = 0;
    for (const writer of writers) {
      const queued = writer.takeQueued();
      if (!queued) continue;
      const chunks = batch.chunksOf(queued);
      sockets++;
      frames += queued.length;
      for (const chunk of chunks) bytes += chunk.length;
      writer.write(chunks);
    }
    if (sockets > 0) this.#metrics.wrote(sockets, frames, bytes);
  }
}

/** Joins frames, and remembers the last result for the next socket with the same ones. */
class SharedBatch {
  #frames: readonly Buffer[] = [];
  #chunks: readonly Buffer[] = [];

  chunksOf(frames: readonly Buffer[]): readonly Buffer[] {
    if (frames.length === 1) return frames;
    if (isSame(frames, this.#frames)) return this.#chunks;
    const size = frames.reduce((sum, frame) => sum + frame.length, 0);
    this.#frames = frames;
    this.#chunks = size > largestCopy ? frames : [Buffer.concat(frames, size)];
    return this.#chunks;
  }
}

function isSame(a: readonly Buffer[], b: readonly Buffer[]): boolean {
  return a.length === b.length && a.every((frame, index) => frame === b[index]);
}
