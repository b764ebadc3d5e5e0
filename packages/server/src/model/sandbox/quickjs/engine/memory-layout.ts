import { type Engine, linkedStackBytes } from './engine.js';
import { evaluate } from './values.js';
import { pageBytes } from './webassembly.js';

/**
 * The addresses of three numbers in the engine's memory. They are found by observing the engine, not by knowing the
 * build: a build in which they are not found fails the start.
 */
export interface MemoryLayout {
  /** Static data of the engine: `[0, staticEnd)`. Above it is the stack. */
  readonly staticEnd: number;
  /** Below it are constants: tables and texts, half of all that a call would have to restore. */
  readonly constantsEnd: number;
  /** Index of the word that holds the end of the heap in use. */
  readonly topWord: number;
  /** Index of the word that holds the end of all heap ever used: it does not go back. */
  readonly endWord: number;
  /** Index of the word that counts down to the next interrupt check. */
  readonly pollWord: number;
}

/** A realm's scripts use less of the stack than this; the limit on it is far lower. */
const usedStackBytes = 2 * 1024 * 1024;

/** Sets what is called at each interrupt check; until then, and with `undefined`, nothing is. */
type WatchPolls = (polled: (() => void) | undefined) => void;

export function findMemoryLayout(engine: Engine, watchPolls: WatchPolls): MemoryLayout {
  const staticEnd = engine.heapStart - linkedStackBytes;
  if (staticEnd < 4096 || !isUnused(engine, staticEnd + 4096)) throw unknownBuild('stack');
  const ends = findEnds(engine, staticEnd);
  const pollWord = findPoll(engine, watchPolls);
  return { staticEnd, ...ends, pollWord, constantsEnd: findConstantsEnd(engine, staticEnd) };
}

/** Whether the constants are unchanged. Anything else would be a fault of the engine. */
export function hasItsConstants(
  { bytes, unused }: Engine,
  { constantsEnd }: MemoryLayout,
): boolean {
  return bytes.compare(unused, 0, constantsEnd, 0, constantsEnd) === 0;
}

/** Data that has changed after a script was compiled and run is not constant, nor is data near it. */
function findConstantsEnd({ bytes, unused }: Engine, staticEnd: number): number {
  let first = 0;
  while (first < staticEnd && bytes[first] === unused[first]) first++;
  return Math.max(0, first - nearConstants);
}

const nearConstants = 4096;

/** Between the static data and what the stack reaches, all is zero: so nothing of value lies there. */
function isUnused({ words, heapStart }: Engine, from: number): boolean {
  const end = (heapStart - usedStackBytes) >> 2;
  for (let index = from >> 2; index < end; index++) if (words[index] !== 0) return false;
  return true;
}

/**
 * Large blocks come from the end of the heap in use, one after the other: the word that moves with them is that end. One that is always
 * beyond it, and stays where it came to when they are free again, is how far the heap ever went.
 */
function findEnds(
  { malloc, free, words }: Engine,
  staticEnd: number,
): Pick<MemoryLayout, 'topWord' | 'endWord'> {
  const size = 64 * 1024;
  const count = staticEnd >> 2;
  const blocks = [malloc(size)];
  const seen: Int32Array[] = [];
  for (let round = 0; round < 3; round++) {
    seen.push(words.slice(0, count));
    blocks.push(malloc(size));
  }
  for (const block of [...blocks].reverse()) free(block);
  const header = 8;
  const tops = blocks.slice(1).map((block) => block - header);
  const topWord = indexBelow(count, (index) => {
    return seen.every((then, round) => then[index] === tops[round]);
  });
  const endWord = indexBelow(count, (index) => {
    const ends = [...seen.map((then) => then[index] ?? 0), words[index] ?? 0];
    const everyEnd = [...tops, (blocks.at(-1) ?? 0) + size];
    const moved = ends.at(-1) !== ends[0];
    return moved && ends.every((end, round) => isJustBeyond(end, everyEnd[round] ?? 0));
  });
  return { topWord, endWord };
}

/** The heap grows by several pages at a time. */
function isJustBeyond(end: number, top: number): boolean {
  return end >= top && end < top + 8 * pageBytes;
}

function indexBelow(count: number, isIt: (index: number) => boolean): number {
  for (let index = 0; index < count; index++) if (isIt(index)) return index;
  throw unknownBuild('heap');
}

/** The engine sets the word back to the same number before it asks: a word that holds it each time, and that decides when it asks next. */
function findPoll(engine: Engine, watchPolls: WatchPolls): number {
  const first = engine.context >> 2;
  let held: Map<number, number> | undefined;
  watchPolls(() => {
    const now = new Map<number, number>();
    for (let index = first; index < first + 256; index++) {
      const word = engine.words[index] ?? 0;
      if (word >= 100 && word <= 1_000_000 && (held === undefined || held.get(index) === word)) {
        now.set(index, word);
      }
    }
    held = now;
  });
  runLoop(engine, 100_000);
  watchPolls(undefined);
  for (const [index] of held ?? new Map<number, number>()) {
    if (decidesPolls(engine, index, watchPolls)) return index;
  }
  throw unknownBuild('interrupts');
}

function decidesPolls(engine: Engine, index: number, watchPolls: WatchPolls): boolean {
  let polls = 0;
  const before = engine.words[index] ?? 0;
  engine.words[index] = 5;
  watchPolls(() => {
    polls++;
    engine.words[index] = 5;
  });
  runLoop(engine, 1000);
  watchPolls(undefined);
  if (polls < 100) engine.words[index] = before;
  return polls >= 100;
}

function runLoop(engine: Engine, rounds: number): void {
  const value = evaluate(engine, `for (let i = 0; i < ${rounds}; i++);`, 'layout');
  if (value !== undefined) engine.ffi.QTS_FreeValuePointer(engine.context, value);
}

function unknownBuild(what: string): Error {
  return new Error(
    `the sandbox does not know this build of QuickJS: the layout of its ${what} is another`,
  );
}
