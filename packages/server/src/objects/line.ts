import type {
  OnceKey,
  OnceRecord,
  Refusal,
  StoredObject,
  Write,
  WriteGroup,
} from '../store/store.js';
import type { CommitEntry, Settlement } from './committer.js';

/**
 * Looks at other objects while a write is judged: as committed, but what was asked for before this write and
 * is still under way is waited for. So a client may create a parent and its child in one go.
 */
export type Look = (rs: readonly string[]) => Promise<(StoredObject | undefined)[]>;

/** What a command asks of `Objects.write`. */
export interface WriteRequest {
  /** Printed R of the object. */
  readonly r: string;
  /** True for an R that was just made up: nothing is looked up before the commit. */
  readonly fresh?: boolean | undefined;
  readonly once?: OnceKey | undefined;
  /** Writes of one lane are committed in the order of their calls, whatever objects they are of. */
  readonly lane?: Lane | undefined;
  /**
   * Judges the request on `head`, a state that may still be on its way to the disk, and says what is
   * to be written. Called again where that state turns out to be not the stored one; so it has no
   * effects. A refusal is thrown, as a `ProtocolError`.
   */
  readonly prepare: (head: StoredObject | undefined, look: Look) => Write | Promise<Write>;
}

export interface Lane {
  readonly owner: object;
  readonly name: string;
}

export type WriteResult =
  /** On disk. */
  | { readonly kind: 'committed'; readonly write: Write; readonly pos: number }
  /** Its once-key was used before: nothing was written. */
  | { readonly kind: 'repeated'; readonly first: OnceRecord }
  /** What the commit found, nothing was written: an object that it requires is not there, or a unique value is taken. */
  | Exclude<Refusal, { kind: 'conflict' }>;

/** A request in the line of its object. */
export class Job {
  readonly request: WriteRequest;
  /** Where it came among all requests. */
  readonly order: number;
  readonly resolve: (result: WriteResult) => void;
  readonly reject: (error: unknown) => void;
  /** How often its base turned out to be not what is stored. */
  races = 0;
  /** Set once it had to start again: from then on it builds on committed states only. */
  careful = false;
  /** The job before it in its lane: its own write is submitted only after that one's. */
  behind: Job | undefined;
  #tried = false;
  #waiting: (() => void)[] | undefined;

  constructor(
    request: WriteRequest,
    order: number,
    resolve: (result: WriteResult) => void,
    reject: (error: unknown) => void,
  ) {
    this.request = request;
    this.order = order;
    this.resolve = resolve;
    this.reject = reject;
  }

  get tried(): boolean {
    return this.#tried;
  }

  /** Resolves when the one before it in its lane was tried. */
  async turn(): Promise<void> {
    if (this.behind && !this.#tried) await this.behind.firstTry();
  }

  /** Its first try is over: its write is on its way, or it was refused, or starts again. */
  endTry(): void {
    this.#tried = true;
    this.behind = undefined;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting) for (const resolve of waiting) resolve();
  }

  /**
   * Resolves when its first try is over. Only a job that came later may wait for it. First tries
   * wait for nothing but commits and first tries of earlier jobs, so that no two wait for each other.
   */
  async firstTry(): Promise<void> {
    if (this.#tried) return;
    await new Promise<void>((resolve) => {
      this.#waiting ??= [];
      this.#waiting.push(resolve);
    });
  }
}

/** A write that was prepared and waits for its commit. The next one of the same object builds on it. */
export class Pending implements CommitEntry {
  readonly job: Job;
  readonly write: Write;
  readonly group: WriteGroup;
  readonly bytes: number;
  state: 'waiting' | 'committed' | 'dropped' = 'waiting';
  begun = false;
  /** Requests that were refused on the ground of this write: told when it is committed, started again when it is not. */
  readonly refused: { readonly job: Job; readonly error: unknown }[] = [];
  readonly #onSettled: (pending: Pending, settlement: Settlement) => void;
  #waiting: (() => void)[] | undefined;

  constructor(
    job: Job,
    write: Write,
    bytes: number,
    onSettled: (pending: Pending, settlement: Settlement) => void,
  ) {
    this.job = job;
    this.write = write;
    this.group = { writes: [write], once: job.request.once };
    this.bytes = bytes;
    this.#onSettled = onSettled;
  }

  get dropped(): boolean {
    return this.state === 'dropped';
  }

  settle(settlement: Settlement): void {
    this.#onSettled(this, settlement);
  }

  /** Moves on to its last state, and wakes who waited for that. */
  end(state: 'committed' | 'dropped'): void {
    this.state = state;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting) for (const resolve of waiting) resolve();
  }

  /** Resolves when it is known what became of it. */
  async ended(): Promise<void> {
    if (this.state !== 'waiting') return;
    await new Promise<void>((resolve) => {
      this.#waiting ??= [];
      this.#waiting.push(resolve);
    });
  }
}

/** Everything that is under way for one object. */
export class Line {
  readonly r: string;
  /** Not prepared yet, in the order in which they came. */
  waiting: Job[] = [];
  /** Prepared, each built on the one before, the first on the stored state. */
  pending: Pending[] = [];
  /** The job that is being prepared: one at a time. */
  preparing: Job | undefined;

  constructor(r: string) {
    this.r = r;
  }

  get empty(): boolean {
    return this.waiting.length === 0 && this.pending.length === 0 && !this.preparing;
  }

  /** Resolves when the jobs that came before `order` were tried, and what is pending then is committed or dropped. */
  async settled(order: number): Promise<void> {
    const jobs = this.preparing ? [this.preparing, ...this.waiting] : this.waiting;
    // First tries are made in order: the last one stands for all.
    await jobs.findLast((job) => job.order < order && !job.tried)?.firstTry();
    await this.pending.at(-1)?.ended();
  }

  /** Puts jobs back where they stood. */
  restore(jobs: readonly Job[]): void {
    for (const job of jobs) job.careful = true;
    this.waiting = [...jobs, ...this.waiting].sort((a, b) => a.order - b.order);
  }

  /** Drops every pending write and hands them over. */
  dropPending(): Pending[] {
    const dropped = this.pending;
    this.pending = [];
    for (const pending of dropped) pending.end('dropped');
    return dropped;
  }
}
