import type { Clock, Timer } from '../../../platform/platform.js';
import { stoppedAnswer, threwAnswer } from './answers.js';
import { Crew, type CrewOptions } from './crew.js';
import type { Job } from './job.js';
import { SlowLane } from './slow-lane.js';
import type { Running, Thread, ThreadOwner } from './thread.js';

export interface PoolOptions extends CrewOptions {
  readonly clock: Clock;
  readonly print: (file: string, text: string) => void;
}

/**
 * Who runs what on which thread.
 *
 * One thread at a time has the fast lane and gets all that waits, as one batch. When a call is seen to
 * take long, its thread is set aside with that call alone, and the rest goes on in a warm one: so a
 * call that hangs costs the others the time until that is seen. A thread whose call is over its limit
 * and does not end is ended. What ran over lately goes to the slow lane, which has a thread of its
 * own; there calls are traced, so that the line is known where one hangs.
 */
export class Pool implements ThreadOwner {
  readonly #options: PoolOptions;
  readonly #crew: Crew;
  readonly #slow: SlowLane;
  /** The calls that hold threads that were set aside. */
  readonly #held = new Map<Thread, Job>();
  /** Milliseconds after which a call takes long. */
  readonly #patience: number;
  /** Milliseconds after which its thread is ended: the engine's own check comes first where it can. */
  readonly #last: number;
  #queue: Job[] = [];
  #fast: Thread | undefined;
  #slowRunner: Thread | undefined;
  #flushing = false;
  #watch: Timer | undefined;
  #closed = false;
  #started: ((error?: Error) => void) | undefined;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#crew = new Crew(options, this);
    const { time } = options.limits;
    this.#patience = Math.min(10, Math.max(2, time / 5));
    this.#last = time + Math.max(10, time / 2);
    this.#slow = new SlowLane({ mostWaiting: 1000, longestWait: time * 20 });
  }

  /** Resolves when the first thread is ready, rejects where none starts. */
  start(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#started = (error) => (error === undefined ? resolve() : reject(error));
      this.#crew.staff();
    });
  }

  /** Calls that wait for a thread. */
  get waiting(): number {
    return this.#queue.length + this.#slow.size;
  }

  submit(job: Job): void {
    if (this.#closed) job.settle(closed);
    else if (this.waiting >= mostWaiting || this.#crew.unable) job.settle(overloaded);
    else this.#enqueue(job);
    if (this.#flushing) return;
    this.#flushing = true;
    // All calls of this turn of the event loop go together.
    setImmediate(() => {
      this.#flushing = false;
      this.#pump();
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#watch?.cancel();
    const inThreads = [...this.#crew.threads].flatMap((thread) => thread.unanswered);
    for (const job of [...inThreads, ...this.#queue, ...this.#slow.clear()]) job.settle(closed);
    this.#queue = [];
    await this.#crew.close();
  }

  ready(): void {
    this.#crew.ready();
    this.#started?.();
    this.#started = undefined;
    this.#pump();
  }

  answered(job: Job, answer: string, milliseconds: number): void {
    const overran = isOverrun(answer);
    if (job.scope !== null) {
      this.#options.metrics.called(answer, milliseconds);
      job.compiled.proven = !overran;
    }
    if (overran) this.#slow.strike(job, this.#now);
    job.settle(answer);
  }

  printed(job: Job, text: string): void {
    // What it printed the first time has been told.
    if (!job.again) this.#options.print(job.compiled.source.file, text);
  }

  done(thread: Thread): void {
    this.#leave(thread);
    if (thread.worn) this.#crew.recycle(thread);
    this.#pump();
  }

  failed(thread: Thread, error: Error): void {
    const running = thread.running(this.#now)?.job;
    const rest = thread.takeBack();
    this.#options.log.error({ error: error.message }, 'a thread of the sandbox failed');
    this.#leave(thread);
    this.#crew.end(thread, 'failed');
    if (running !== undefined) this.answered(running, answerOfFailure(error), 0);
    for (const job of rest) {
      job.failures++;
      if (job.failures >= mostFailures) job.settle(overloaded);
    }
    if (this.#crew.unable) {
      for (const job of [...rest, ...this.#queue.splice(0)]) job.settle(overloaded);
      this.#started?.(error);
    }
    this.#requeue(rest);
    this.#pump();
  }

  get #now(): number {
    return this.#options.clock.monotonic();
  }

  #enqueue(job: Job): void {
    if (!this.#slow.has(job, this.#now)) this.#queue.push(job);
    else if (!this.#slow.add(job, this.#now)) job.settle(stoppedAnswer('time', undefined));
  }

  /** Puts calls before those that wait, each into the lane that is now its own. */
  #requeue(jobs: readonly Job[]): void {
    const all = [...jobs, ...this.#queue];
    this.#queue = [];
    for (const job of all) {
      if (!job.settled) this.#enqueue(job);
    }
  }

  #pump(): void {
    if (this.#closed) return;
    this.#runFast();
    this.#runSlow();
    this.#crew.staff();
    const busy = this.#slow.size > 0 || [...this.#crew.threads].some((thread) => thread.busy);
    if (busy) this.#watch ??= this.#options.timers.after(this.#patience / 2, () => this.#check());
  }

  #runFast(): void {
    const { idle } = this.#crew;
    const [thread] = idle;
    if (this.#fast !== undefined || thread === undefined || this.#queue.length === 0) return;
    const jobs = this.#nextJobs(idle.length);
    if (jobs.length === 0) return;
    this.#fast = thread;
    thread.run(jobs, this.#options.clock.now(), false);
  }

  /**
   * In order, as long as all is well. Where calls hang, scripts that never did go first, and where
   * several hang, the last thread is for those alone.
   */
  #nextJobs(idle: number): Job[] {
    if (this.#held.size === 0) return this.#queue.splice(0, mostInBatch);
    const proven = this.#queue.filter(({ compiled }) => compiled.proven);
    const others = this.#queue.filter(({ compiled }) => !compiled.proven);
    const last = idle === 1 && this.#held.size > 1;
    const jobs = last ? proven : [...proven, ...others];
    const taken = jobs.splice(0, mostInBatch);
    this.#queue = last ? [...jobs, ...others] : jobs;
    return taken;
  }

  /** The last idle thread is not for a call that may hang. */
  #runSlow(): void {
    const { idle } = this.#crew;
    const thread = idle.at(-1);
    if (this.#slowRunner !== undefined || thread === undefined || idle.length < 2) return;
    const job = this.#slow.next(this.#now);
    if (job === undefined) return;
    this.#slowRunner = thread;
    thread.run([job], this.#options.clock.now(), true);
  }

  /** Looks at what the threads are doing. */
  #check(): void {
    this.#watch = undefined;
    const now = this.#now;
    for (const thread of this.#crew.threads) {
      const running = thread.running(now);
      if (running === undefined) continue;
      if (this.#isOver(running)) this.#endOverrun(thread, running.job);
      else if (running.milliseconds >= this.#patience && thread === this.#fast) {
        this.#setAside(thread, running.job);
      }
    }
    for (const job of this.#slow.expire(now)) job.settle(stoppedAnswer('time', undefined));
    this.#pump();
  }

  /** A thread that gets no processor is given time, though not for ever. */
  #isOver({ milliseconds, ran }: Running): boolean {
    const { time } = this.#options.limits;
    return milliseconds >= this.#last && (ran >= time || milliseconds >= time * patienceFactor);
  }

  #setAside(thread: Thread, job: Job): void {
    this.#fast = undefined;
    this.#held.set(thread, job);
    this.#slow.hold(job);
    this.#requeue(thread.takeBack());
  }

  #endOverrun(thread: Thread, job: Job): void {
    const { line, traced } = thread;
    const rest = thread.takeBack();
    const { file } = job.compiled.source;
    // Where it is not known yet, it runs once more to tell the line.
    const log = this.#options.log[traced ? 'warn' : 'debug'];
    log({ script: file, line }, 'a script hung, and its thread was ended');
    this.#leave(thread);
    this.#crew.end(thread, 'overran');
    this.#slow.strike(job, this.#now);
    if (job.scope === null) job.settle(threwAnswer('it takes too long to compile', undefined));
    else if (traced) this.answered(job, stoppedAnswer('time', line), this.#last);
    else {
      job.again = true;
      this.#slow.addFirst(job, this.#now);
    }
    this.#requeue(rest);
  }

  /** A thread has nothing to do with its lane any more. */
  #leave(thread: Thread): void {
    if (this.#fast === thread) this.#fast = undefined;
    if (this.#slowRunner === thread) this.#slowRunner = undefined;
    const held = this.#held.get(thread);
    this.#held.delete(thread);
    if (held !== undefined) this.#requeue(this.#slow.release(held, this.#now));
  }
}

function isOverrun(answer: string): boolean {
  return answer.startsWith('s["time"');
}

function answerOfFailure(error: Error & { readonly code?: unknown }): string {
  if (error.code === 'ERR_WORKER_OUT_OF_MEMORY') return stoppedAnswer('memory', undefined);
  return threwAnswer(`the sandbox failed: ${error.message}`, undefined);
}

const closed = threwAnswer('the sandbox is closed', undefined);
const overloaded = threwAnswer('the sandbox has too much to do', undefined);
/** Calls that wait. */
const mostWaiting = 100_000;
/** So many times its limit a call may take, where its thread does not get to run. */
const patienceFactor = 40;
const mostInBatch = 2000;
/** How many threads may fail under a call that they have not begun. */
const mostFailures = 5;
