import type { Log } from '../../../../platform/log.js';
import type { Timer, Timers } from '../../../../platform/platform.js';
import type { VmLimits } from '../engine/vm.js';
import type { SandboxMetrics } from '../sandbox-metrics.js';
import { ScriptThread, type ThreadOwner } from './script-thread.js';

export interface ThreadManagerOptions {
  readonly wasm: WebAssembly.Module;
  readonly limits: VmLimits;
  readonly timers: Timers;
  readonly log: Log;
  readonly metrics: SandboxMetrics;
}

/**
 * Keeps enough threads: one for each thread set aside, and two more, one for the fast queue and a warm one. A thread
 * takes some 30 ms to start, so it must be started before it is needed.
 */
export class ThreadManager {
  readonly #options: ThreadManagerOptions;
  readonly #owner: ThreadOwner;
  readonly #threads = new Set<ScriptThread>();
  #retry: Timer | undefined;
  #shrink: Timer | undefined;
  /** Set while no further thread is replaced for its memory. */
  #rest: Timer | undefined;
  #failedStarts = 0;
  #closed = false;

  constructor(options: ThreadManagerOptions, owner: ThreadOwner) {
    this.#options = options;
    this.#owner = owner;
  }

  get threads(): ReadonlySet<ScriptThread> {
    return this.#threads;
  }

  get idle(): ScriptThread[] {
    return [...this.#threads].filter((thread) => thread.idle);
  }

  /** Whether threads repeatedly fail to start. */
  get unable(): boolean {
    return this.#failedStarts >= 3;
  }

  ensureThreads(): void {
    if (this.#closed || this.#retry !== undefined) return;
    const setAside = [...this.#threads].filter((thread) => thread.setAside).length;
    const wanted = Math.min(mostThreads, Math.max(fewestThreads, setAside + 2));
    const { wasm, limits } = this.#options;
    while (this.#threads.size < wanted) {
      this.#threads.add(new ScriptThread(wasm, limits, this.#owner));
    }
    if (this.#threads.size > fewestThreads) this.#shrinkLater();
  }

  ready(): void {
    this.#failedStarts = 0;
  }

  /** Ends a thread at once; others go on. */
  end(thread: ScriptThread, why: 'overran' | 'failed' | 'overused'): void {
    if (!this.#threads.delete(thread)) return;
    this.#options.metrics.restarted(why);
    void thread.end();
    if (!thread.started) this.#failedStart();
    this.ensureThreads();
  }

  /** Replaces an idle thread that holds much memory, if another is ready. Its memory is limited, so there is no hurry. */
  recycle(thread: ScriptThread): void {
    if (this.#rest !== undefined || !thread.idle || this.idle.length < 2) return;
    this.#rest = this.#options.timers.after(recycleAfter, () => {
      this.#rest = undefined;
    });
    this.end(thread, 'overused');
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#retry?.cancel();
    this.#shrink?.cancel();
    this.#rest?.cancel();
    const threads = [...this.#threads];
    this.#threads.clear();
    await Promise.all(threads.map((thread) => thread.end()));
  }

  /** If threads do not start, the next is tried only after a while. */
  #failedStart(): void {
    this.#failedStarts++;
    this.#retry ??= this.#options.timers.after(retryAfter, () => {
      this.#retry = undefined;
      this.ensureThreads();
    });
  }

  #shrinkLater(): void {
    this.#shrink ??= this.#options.timers.after(shrinkAfter, () => {
      this.#shrink = undefined;
      for (const thread of this.idle) {
        if (this.#threads.size <= fewestThreads) return;
        this.#threads.delete(thread);
        void thread.end();
      }
      if (this.#threads.size > fewestThreads) this.#shrinkLater();
    });
  }
}

/** One for the fast queue, one for the quarantine, and a warm one. */
const fewestThreads = 3;
const mostThreads = 5;
/** Milliseconds. */
const retryAfter = 1000;
const shrinkAfter = 30_000;
const recycleAfter = 10_000;
