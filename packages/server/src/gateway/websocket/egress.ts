import { FairQueue } from '../../platform/scheduling/fair-queue.js';
import { NextTick } from '../../platform/scheduling/next-tick.js';
import type { OutputTotal } from '../limits/output-total.js';
import { networkOf } from '../server/address-network.js';

/** Metrics of egress; counts are per flush. */
export interface EgressMetrics {
  wrote(sockets: number, frames: number, bytes: number): void;
}

/** What egress writes to: the output of one socket. */
export interface EgressTarget {
  readonly address: string;
  /** Bytes that `takeQueued` returns. */
  readonly queuedBytes: number;
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

/** Bytes up to which the frames of one socket are copied together. */
const largestCopy = 256 * 1024;

/** Bytes up to which a socket is always written to at once. */
const small = 16 * 1024;

/** Bytes of larger output that are written in one tick: some milliseconds, also with TLS. */
const largePerTick = 4 * 1024 * 1024;

/**
 * Collects what each socket gets in this tick of the event loop and writes it with one system call,
 * which is the main cost of a delivery. Sockets with the same frames in the same order, such as the
 * subscribers of one object, share one buffer.
 *
 * Where sockets get much, some of them wait for later ticks, one of each address in turn (rule
 * LIM42).
 */
export class Egress {
  readonly limit: number;
  readonly ceiling: number;
  readonly total: Pick<OutputTotal, 'record' | 'release'>;
  readonly #metrics: EgressMetrics;
  readonly #next: NextTick;
  #dirty: EgressTarget[] = [];
  /** Those that wait for their turn, by network. */
  readonly #large = new FairQueue<EgressTarget>();
  #shared = new SharedChunks();
  /** Sockets with more output waiting than the limit. */
  congested = 0;

  constructor(options: EgressOptions) {
    this.limit = options.limit;
    this.ceiling = options.limit * overflowFactor;
    this.total = options.total;
    this.#metrics = options.metrics;
    this.#next = new NextTick(() => this.#writeSome(largePerTick), options.schedule);
  }

  schedule(writer: EgressTarget): void {
    this.#dirty.push(writer);
    this.#next.request();
  }

  flush(): void {
    this.#writeSome(Number.POSITIVE_INFINITY);
  }

  /** `most`: bytes for sockets that get much. */
  #writeSome(most: number): void {
    const writers = this.#dirty;
    this.#dirty = [];
    const written = { sockets: 0, frames: 0, bytes: 0 };
    let left = most;
    for (const writer of writers) {
      const { queuedBytes } = writer;
      if (queuedBytes <= small) {
        this.#write(writer, written);
      } else if (left > 0 && this.#large.size === 0) {
        left -= queuedBytes;
        this.#write(writer, written);
      } else {
        this.#large.push(networkOf(writer.address), writer);
      }
    }
    while (left > 0 && this.#large.size > 0) {
      const writer = this.#large.shift();
      if (!writer) break;
      left -= writer.queuedBytes;
      this.#write(writer, written);
    }
    if (this.#large.size > 0) this.#next.request();
    else this.#shared = new SharedChunks();
    const { sockets, frames, bytes } = written;
    if (sockets > 0) this.#metrics.wrote(sockets, frames, bytes);
  }

  #write(writer: EgressTarget, written: { sockets: number; frames: number; bytes: number }): void {
    const queued = writer.takeQueued();
    if (!queued) return;
    const chunks = this.#shared.chunksOf(queued);
    written.sockets++;
    written.frames += queued.length;
    for (const chunk of chunks) written.bytes += chunk.length;
    writer.write(chunks);
  }
}

/** Joins frames, and remembers the last result for the next socket with the same ones. */
class SharedChunks {
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
