import {
  chmodSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { StartError } from '../start-error.js';

/** The file that a path leads to, through links: that one is replaced, and not the link. */
export function targetOf(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    // It is not there yet, or cannot be looked at, which whoever writes it is told.
    return resolve(path);
  }
}

/** Throws a `StartError` where there is something that can be no target, and says whether there is a file. */
export function isThere(target: string, shown: string): boolean {
  const there = statSync(target, { throwIfNoEntry: false });
  if (there && !there.isFile()) throw new StartError([`${shown} is there and is no file`]);
  return there !== undefined;
}

/** The name under which this process writes a file until it is whole. */
export const draftOf = (target: string): string => `${target}.${process.pid}.part`;

/** What processes that are gone have left of a file, the newest last. To be asked for before this process begins its own. */
export function leftDrafts(target: string): string[] {
  const prefix = `${basename(target)}.`;
  return readdirSync(dirname(target))
    .filter((name) => {
      const pid = name.startsWith(prefix) && /^(\d+)\.part$/.exec(name.slice(prefix.length))?.[1];
      return pid && !isOther(Number(pid));
    })
    .map((name) => join(dirname(target), name))
    .map((path) => ({ path, at: statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0 }))
    .sort((a, b) => a.at - b.at)
    .map(({ path }) => path);
}

/** Another process that runs. One with the number of this one is gone: in a container they all have the same. */
function isOther(pid: number): boolean {
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return !(error instanceof Error && 'code' in error && error.code === 'ESRCH');
  }
}

/** Writes a small file whole or not at all, in place of one that is there. What is no file is written to as it is. */
export function writeWhole(path: string, text: string): void {
  const target = targetOf(path);
  const there = statSync(target, { throwIfNoEntry: false });
  if (there && !there.isFile()) {
    writeFileSync(target, text);
    return;
  }
  const draft = draftOf(target);
  try {
    for (const left of leftDrafts(target)) rmSync(left, { force: true });
    writeFileSync(draft, text, { flush: true });
    if (there) chmodSync(draft, there.mode);
    renameSync(draft, target);
  } finally {
    rmSync(draft, { force: true });
  }
}
