import type { StoredObject } from '../../store/stored-object.js';
import type { ReadLookups } from './lookup.js';

/** Objects remembered at most: beyond it they are read again. */
const mostRemembered = 10_000;

/**
 * Reads for many scripts that look at the same objects (rule LKP5): each object once, and all that are asked for in
 * one turn in one read.
 */
export function batchedLookups(read: ReadLookups): ReadLookups {
  const known = new Map<string, StoredObject | undefined>();
  let wanted: Set<string> | undefined;
  let reading: Promise<void> | undefined;
  const readWanted = async (): Promise<void> => {
    // After everything that runs in this turn has asked.
    await Promise.resolve();
    const rs = [...(wanted ?? [])];
    wanted = undefined;
    reading = undefined;
    const objects = await read(rs);
    if (known.size + rs.length > mostRemembered) known.clear();
    for (const [index, r] of rs.entries()) known.set(r, objects[index]);
  };
  const now = (rs: readonly string[]) => rs.map((r) => known.get(r));
  const load = async (rs: readonly string[]): Promise<readonly (StoredObject | undefined)[]> => {
    while (!rs.every((r) => known.has(r))) {
      wanted ??= new Set();
      for (const r of rs) if (!known.has(r)) wanted.add(r);
      reading ??= readWanted();
      await reading;
    }
    return now(rs);
  };
  return (rs) => (rs.every((r) => known.has(r)) ? now(rs) : load(rs));
}
