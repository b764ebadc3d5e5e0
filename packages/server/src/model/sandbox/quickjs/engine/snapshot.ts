import type { Engine } from './engine.js';
import type { MemoryLayout } from './memory-layout.js';

/** All state of an engine that a call could change, at one moment. */
export interface Snapshot {
  readonly size: number;
  restore(): void;
}

/**
 * Takes a snapshot between two calls, when the stack is empty. The engine keeps all that it has in
 * its memory: heap, realm, compiled programs, the allocator's own books. So putting these bytes back
 * undoes whatever a script did, and what it broke off in the middle of, for the price of copying
 * them (2 µs). Above the end of the heap that was in use nothing was, so what a call left there is cleared, as far as the heap
 * ever went (2 µs more): no fault of the engine lets a script read what was another's.
 */
export function takeSnapshot(engine: Engine, layout: MemoryLayout): Snapshot {
  const { bytes, words, heapStart, freeStart } = engine;
  const top = words[layout.topWord] ?? 0;
  const ranges: [number, number][] = [[layout.constantsEnd, layout.staticEnd]];
  // With a small limit an unused block lies between the start of the heap and the free part.
  if (freeStart === heapStart) ranges.push([heapStart - aroundStart, top + aroundTop]);
  else {
    ranges.push([heapStart - aroundStart, heapStart + aroundTop]);
    ranges.push([freeStart - aroundTop, top + aroundTop]);
  }
  const copies = ranges.map(([start, end]) => {
    return { start, copy: Uint8Array.prototype.slice.call(bytes, start, end) };
  });
  return {
    size: copies.reduce((sum, { copy }) => sum + copy.length, 0),
    restore() {
      const end = words[layout.endWord] ?? bytes.length;
      bytes.fill(0, top + aroundTop, end);
      for (const { start, copy } of copies) bytes.set(copy, start);
    },
  };
}

/** Blocks that the engine took before the first that we know of. */
const aroundStart = 4096;
/** The header of the block at the end of the heap. */
const aroundTop = 64;
