import { parentPort, workerData } from 'node:worker_threads';
import type { Program } from '../engine/programs.js';
import { seededRandom } from '../engine/seeded-random.js';
import { Vm } from '../engine/vm.js';
import { encodeThrew } from '../result-codec.js';
import { threadName } from './cpu-time.js';
import type { CallBatch, FromWorker, WorkerStart } from './messages.js';
import { SharedProgress } from './shared-progress.js';

// A worker thread: it has one VM and answers batches of calls.

/** Results wait at most this long, in milliseconds, to be sent with others. */
const flushAfter = 1;
const mostPrints = 100;

const { wasm, limits, progress: shared } = workerData as WorkerStart;
const progress = new SharedProgress(shared);
const programs = new Map<number, Program>();

let answers: string[] = [];
let took: number[] = [];
let index = 0;
let prints = 0;
let flushed = 0;
let random = Math.random;

function send(message: FromWorker): void {
  parentPort?.postMessage(message);
}

function flush(done: boolean): void {
  // A call that is still running has no answer yet: these are of the ones before it.
  const from = index - answers.length;
  send({ kind: 'answers', from, answers, took, done, used: vm.used });
  answers = [];
  took = [];
  flushed = performance.now();
}

const vm = await Vm.open(wasm, limits, {
  print(text) {
    prints++;
    if (prints > mostPrints) return;
    const last = prints === mostPrints;
    send({ kind: 'print', index, text: last ? 'what else this call prints is left out' : text });
  },
  stillRunning(spent) {
    if (spent > flushAfter && answers.length > 0) flush(false);
  },
  random: () => random(),
  reached: (line) => progress.reach(line),
});

async function answer(batch: CallBatch): Promise<void> {
  // The engine reads this clock: a call sees the server's time, which does not advance during the call.
  let now = batch.now;
  Date.now = () => now;
  for (const program of batch.programs) programs.set(program.key, program);
  flushed = performance.now();
  for (index = 0; index < batch.keys.length && progress.begin(index); index++) {
    const start = performance.now();
    const run = batch.runs[index];
    now = run?.now ?? batch.now;
    random = run ? seededRandom(run.seed) : Math.random;
    prints = run?.prints ?? 0;
    const text = answerOne(batch);
    const end = performance.now();
    progress.end(index);
    answers.push(text);
    took.push(end - start);
    if (vm.broken) await vm.repair();
    // What has printed is not to run again, whatever becomes of the calls behind it.
    if (end - flushed > flushAfter || prints > 0) {
      index++;
      flush(false);
      index--;
    }
  }
  vm.inspect();
  if (vm.broken) await vm.repair();
  flush(true);
}

function answerOne({ keys, scopes, runs }: CallBatch): string {
  const program = programs.get(keys[index] ?? -1);
  if (program === undefined) return encodeThrew('the program is not known', undefined);
  const scope = scopes[index];
  return typeof scope === 'string'
    ? vm.call(program, scope, runs[index]?.moreTime)
    : vm.compile(program);
}

parentPort?.on('message', answer);
send({ kind: 'ready', name: threadName() });
