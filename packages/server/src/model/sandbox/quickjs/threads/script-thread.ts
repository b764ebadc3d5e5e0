import type { Worker } from 'node:worker_threads';
import { bareWorker } from '../../../../platform/bare-worker.js';
import type { Program } from '../engine/programs.js';
import type { VmLimits } from '../engine/vm.js';
import { type CpuTime, cpuTimeOf } from './cpu-time.js';
import type { CallBatch, FromWorker, WorkerStart } from './messages.js';
import type { ScriptCall } from './script-call.js';
import { SharedProgress } from './shared-progress.js';

/** Events of a thread for the pool. */
export interface ThreadOwner {
  ready(): void;
  answered(job: ScriptCall, answer: string, milliseconds: number): void;
  printed(job: ScriptCall, text: string): void;
  /** Its batch is over, and it may have another. */
  done(thread: ScriptThread): void;
  /** It ended by itself. */
  failed(thread: ScriptThread, error: Error): void;
}

/** A running call, as observed from outside. */
export interface Running {
  readonly job: ScriptCall;
  /** For how long it has been seen to run. */
  readonly milliseconds: number;
  /** The CPU time of it, if the system has it. */
  readonly ran: number;
}

interface LastSeen {
  readonly begun: number;
  readonly at: number;
  cpu: number | undefined;
}

/** A worker thread, as seen from the main thread. */
export class ScriptThread {
  readonly #worker: Worker;
  readonly #owner: ThreadOwner;
  readonly #progress = new SharedProgress();
  /** Keys of the programs that it has been sent. */
  readonly #sent = new Set<number>();
  #state: 'starting' | 'idle' | 'busy' | 'gone' = 'starting';
  #jobs: readonly ScriptCall[] = [];
  /** The call that it was last seen to run, by number, and since when. */
  #seen: LastSeen = { begun: 0, at: 0, cpu: undefined };
  #cpuTime: CpuTime = cpuTimeOf(undefined);
  /** How many calls had begun when the batch was closed; none in an idle thread. */
  #closedAt: number | undefined;
  #used = 0;
  #traced = false;
  #isAlone = false;
  #started = false;

  constructor(wasm: WebAssembly.Module, limits: VmLimits, owner: ThreadOwner) {
    this.#owner = owner;
    const start: WorkerStart = { wasm, limits, progress: this.#progress.buffer };
    this.#worker = bareWorker(new URL('./worker.js', import.meta.url), {
      workerData: start,
      // The engine's deepest recursion takes about 16 bytes here for one of its own stack.
      resourceLimits: { stackSizeMb: Math.max(4, Math.ceil(limits.stack / 65536)) },
    });
    this.#worker.on('message', (message: FromWorker) => this.#receive(message));
    this.#worker.on('error', (error: Error) => this.#fail(error));
    this.#worker.on('exit', (code) => this.#fail(new Error(`it ended with code ${code}`)));
  }

  get idle(): boolean {
    return this.#state === 'idle';
  }

  /** It has been ready before. */
  get started(): boolean {
    return this.#started;
  }

  get busy(): boolean {
    return this.#state === 'busy';
  }

  /** It is reserved for a single call that takes long, or may. */
  get setAside(): boolean {
    return this.#state === 'busy' && (this.#isAlone || this.#closedAt !== undefined);
  }

  get traced(): boolean {
    return this.#traced;
  }

  /** It holds so much memory, or so many programs, that it should be replaced. */
  get overused(): boolean {
    return this.#used > mostUsed || this.#sent.size > mostPrograms;
  }

  /** The present line of a traced call. */
  get line(): number | undefined {
    return this.#progress.line;
  }

  /** Gives it a batch; `isAlone`: of one call that may take long. It has to be idle. */
  run(
    jobs: readonly ScriptCall[],
    now: number,
    { traced = false, isAlone = traced }: { traced?: boolean; isAlone?: boolean } = {},
  ): void {
    this.#state = 'busy';
    this.#jobs = jobs;
    this.#traced = traced;
    this.#isAlone = isAlone;
    this.#seen = { begun: 0, at: 0, cpu: undefined };
    this.#progress.openBatch();
    const programs = jobs.map(({ compiled }) => compiled.program(traced));
    const fresh: Program[] = [];
    for (const program of programs) {
      if (this.#sent.has(program.key)) continue;
      this.#sent.add(program.key);
      fresh.push(program);
    }
    const batch: CallBatch = {
      now,
      programs: fresh,
      keys: programs.map(({ key }) => key),
      scopes: jobs.map(({ scope }) => scope),
      runs: jobs.map(({ run }) => run),
    };
    this.#worker.ref();
    this.#worker.postMessage(batch);
  }

  /** The call that it runs now. */
  running(now: number): Running | undefined {
    if (this.#state !== 'busy') return undefined;
    const { begun, ended } = this.#progress.counts;
    const count = this.#closedAt ?? begun;
    const job = this.#jobs[count - 1];
    if (job === undefined || ended >= count) return undefined;
    if (this.#seen.begun !== count) {
      this.#seen = { begun: count, at: now, cpu: undefined };
      return { job, milliseconds: 0, ran: 0 };
    }
    const milliseconds = now - this.#seen.at;
    const cpu = this.#cpuTime();
    // Most calls are over before they are seen twice.
    this.#seen.cpu ??= cpu;
    const { cpu: first } = this.#seen;
    const ran = cpu === undefined || first === undefined ? milliseconds : cpu - first;
    return { job, milliseconds, ran };
  }

  /** Takes back all calls without a result, except the running one: it is the last of this thread for now. */
  takeBack(): ScriptCall[] {
    this.#closedAt ??= this.#progress.closeBatch();
    const current = this.#jobs[this.#closedAt - 1];
    return this.#jobs.filter((job) => job !== current && !job.settled);
  }

  get unanswered(): ScriptCall[] {
    return this.#jobs.filter((job) => !job.settled);
  }

  async end(): Promise<void> {
    this.#state = 'gone';
    await this.#worker.terminate();
  }

  #receive(message: FromWorker): void {
    if (this.#state === 'gone') return;
    switch (message.kind) {
      case 'ready':
        this.#started = true;
        this.#cpuTime = cpuTimeOf(message.name);
        this.#rest();
        this.#owner.ready();
        break;
      case 'print': {
        const job = this.#jobs[message.index];
        if (job !== undefined) this.#owner.printed(job, message.text);
        break;
      }
      case 'answers':
        this.#answers(message);
        break;
      default:
        message satisfies never;
    }
  }

  #answers({ from, answers, took, done, used }: Extract<FromWorker, { kind: 'answers' }>): void {
    this.#used = used;
    for (const [offset, answer] of answers.entries()) {
      const job = this.#jobs[from + offset];
      if (job && !job.settled) this.#owner.answered(job, answer, took[offset] ?? 0);
    }
    if (!done) return;
    this.#rest();
    this.#owner.done(this);
  }

  #rest(): void {
    this.#state = 'idle';
    this.#jobs = [];
    this.#closedAt = undefined;
    // An idle thread does not keep the process alive.
    this.#worker.unref();
  }

  #fail(error: Error): void {
    if (this.#state === 'gone') return;
    this.#state = 'gone';
    this.#owner.failed(this, error);
  }
}

/** Bytes that a call came to use: what was used once stays with the thread. */
const mostUsed = 8 * 1024 * 1024;
const mostPrograms = 5000;
