import { parentPort, workerData } from 'node:worker_threads';
import { threwAnswer } from './answers.js';
import { threadName } from './cpu-time.js';
import { Gate } from './gate.js';
import { Machine } from './machine.js';
import type { Batch, FromWorker, WorkerStart } from './messages.js';
import type { Program } from './programs.js';

// A worker thread: it has one machine and answers batches of calls.

/** Answers wait at most this long, in milliseconds, for others to travel with. */
const flushAfter = 1;
const mostPrints = 100;

const { wasm, limits, gate: shared } = workerData as WorkerStart;
const gate = new Gate(shared);
const programs = new Map<number, Program>();

let answers: string[] = [];
let took: number[] = [];
let index = 0;
let prints = 0;
let flushed = 0;

function send(message: FromWorker): void {
  parentPort?.postMessage(message);
}

function flush(done: boolean): void {
  // A call that is still running has no answer yet: these are of the ones before it.
  const from = index - answers.length;
  send({ kind: 'answers', from, answers, took, done, used: machine.used });
  answers = [];
  took = [];
  flushed = performance.now();
}

const machine = await Machine.open(wasm, limits, {
  print(text) {
    prints++;
    if (prints > mostPrints) return;
    const last = prints === mostPrints;
    send({ kind: 'print', index, text: last ? 'what else this call prints is left out' : text });
  },
  stillRunning(spent) {
    if (spent > flushAfter && answers.length > 0) flush(false);
  },
  reached: (line) => gate.reach(line),
});

async function answer(batch: Batch): Promise<void> {
  // The engine asks this clock: a call sees the time of the server's clock, and it stands still.
  Date.now = () => batch.now;
  for (const program of batch.programs) programs.set(program.key, program);
  flushed = performance.now();
  for (index = 0; index < batch.keys.length && gate.begin(index); index++) {
    const start = performance.now();
    prints = 0;
    const text = answerOne(batch);
    const end = performance.now();
    gate.end(index);
    answers.push(text);
    took.push(end - start);
    if (machine.broken) await machine.repair();
    // What has printed is not to run again, whatever becomes of the calls behind it.
    if (end - flushed > flushAfter || prints > 0) {
      index++;
      flush(false);
      index--;
    }
  }
  machine.inspect();
  if (machine.broken) await machine.repair();
  flush(true);
}

function answerOne({ keys, scopes }: Batch): string {
  const program = programs.get(keys[index] ?? -1);
  if (program === undefined) return threwAnswer('the program is not known', undefined);
  const scope = scopes[index];
  return typeof scope === 'string' ? machine.call(program, scope) : machine.compile(program);
}

parentPort?.on('message', answer);
send({ kind: 'ready', name: threadName() });
