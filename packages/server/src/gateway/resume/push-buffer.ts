import type { ReplayPoint, SentPush } from '../../live/push/frame.js';
import type { Limits } from '../../platform/limits.js';

/** Limits of the pushes kept per connection. */
type PushBufferLimits = Pick<Limits, 'resumePushes' | 'resumeBytes'>;

/** Multiple of the frames kept for which at least the replay points are kept. */
const pointsPerFrame = 16;

/** Approximate bytes of memory. */
const bytesPerReference = 16;
const bytesPerPoint = 64;

/**
 * The last pushes of a connection, which a client that resumes may not have received. Frames are
 * shared with all other receivers, so that usually only a reference is kept. For older pushes only
 * the replay point is kept, so that they can be read again from the store; final pushes cannot, and
 * are kept whole.
 */
export class PushBuffer {
  readonly #limits: PushBufferLimits;
  #kept: SentPush[] = [];
  #bytes = 0;
  /** Number of pushes since the connection began. */
  #total = 0;
  /** Replay points of older pushes, whose frames were dropped. */
  #replayPoints: (ReplayPoint | undefined)[] = [];
  /** Final pushes, which cannot be read again, with their numbers. */
  #finals: { readonly number: number; readonly push: SentPush }[] = [];
  #finalBytes = 0;
  /** Final pushes up to this number were dropped. */
  #finalsDroppedUpTo = 0;

  /** By subscription, the number of the last push that must not be sent again. */
  #outdated: Map<string, number> | undefined;
  /** The same for all subscriptions. */
  #allOutdated = 0;

  constructor(limits: PushBufferLimits) {
    this.#limits = limits;
  }

  /** A push without a replay point need not be sent again. */
  add(push: SentPush): void {
    this.#kept.push(push);
    this.#bytes += push.bytes.length;
    this.#total += 1;
    const kind = push.replayPoint?.kind;
    if (kind === 'final' || kind === 'notice') this.#addFinal(push);
    const { resumePushes, resumeBytes } = this.#limits;
    if (this.#kept.length > resumePushes || this.#bytes > resumeBytes) this.#dropHalf();
  }

  /** The frames kept, which other buffers may share. */
  get buffers(): readonly Buffer[] {
    return [...this.#kept, ...this.#finals.map(({ push }) => push)].map(({ bytes }) => bytes);
  }

  /** Approximate bytes of memory of everything else. */
  get own(): number {
    const references = this.#kept.length + this.#finals.length;
    const points = this.#kept.length + this.#replayPoints.length;
    return references * bytesPerReference + points * bytesPerPoint;
  }

  /** The pushes of this subscription so far must not be sent again. */
  outdate(key: string): void {
    if (this.#kept.length === 0) return;
    this.#outdated ??= new Map();
    this.#outdated.set(key, this.#total);
    if (this.#outdated.size <= this.#limits.resumePushes) return;
    // Too many to keep track of: all are read again from the store.
    this.#outdated = undefined;
    this.#allOutdated = this.#total;
  }

  /** True if a push of this subscription after the first `received` may be outdated. */
  isOutdated(key: string, received: number): boolean {
    return Math.max(this.#outdated?.get(key) ?? 0, this.#allOutdated) > received;
  }

  /** Number of pushes before the first one kept. */
  get before(): number {
    return this.#total - this.#kept.length;
  }

  /** The pushes after the first `received`; `undefined` if not all of them are kept. */
  after(received: number): readonly SentPush[] | undefined {
    const missed = this.#total - received;
    if (missed > this.#kept.length) return undefined;
    return missed <= 0 ? [] : this.#kept.slice(-missed);
  }

  /** The replay points after the first `received`, in order; `undefined` if not all are kept. */
  replayPointsAfter(received: number): readonly (ReplayPoint | undefined)[] | undefined {
    const missed = this.#total - received;
    const points = [...this.#replayPoints, ...this.#kept.map(({ replayPoint }) => replayPoint)];
    return missed > points.length ? undefined : points.slice(-missed);
  }

  /** The final pushes after the first `received`; `undefined` if not all are kept. */
  finalsAfter(received: number): readonly SentPush[] | undefined {
    if (received < this.#finalsDroppedUpTo) return undefined;
    return this.#finals.filter(({ number }) => number > received).map(({ push }) => push);
  }

  #addFinal(push: SentPush): void {
    const { resumePushes, resumeBytes } = this.#limits;
    this.#finals.push({ number: this.#total, push });
    this.#finalBytes += push.bytes.length;
    if (this.#finals.length <= resumePushes && this.#finalBytes <= resumeBytes) return;
    const first = this.#finals.shift();
    if (!first) return;
    this.#finalsDroppedUpTo = first.number;
    this.#finalBytes -= first.push.bytes.length;
  }

  /** Half of them at once, so that a push does not cost a shift. Their replay points stay. */
  #dropHalf(): void {
    const points = this.#replayPoints;
    const kept = this.#kept;
    const half = Math.ceil(kept.length / 2);
    this.#kept = kept.slice(half);
    kept.length = half;
    for (const { bytes, replayPoint } of kept) {
      this.#bytes -= bytes.length;
      points.push(replayPoint);
    }
    if (points.length > this.#limits.resumePushes * pointsPerFrame) {
      this.#replayPoints = points.slice(Math.ceil(points.length / 2));
    }
  }
}
