import {
  chmodSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { link, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { systemCode } from '../../platform/system-reason.js';
import { StartError } from '../start-error.js';

/** The file that a path leads to through links: it is replaced, not the link. */
export function targetOf(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    // It does not exist yet, or cannot be accessed, which writing it will report.
    return resolve(path);
  }
}

/** Returns whether the file exists. Throws a `StartError` if the path cannot be an output file. */
export function isThere(target: string, shown: string): boolean {
  const there = statSync(target, { throwIfNoEntry: false });
  if (there && !there.isFile()) throw new StartError([`${shown} is there and is no file`]);
  return there !== undefined;
}

/** The name under which this process writes a file until it is complete. */
export const draftOf = (target: string): string => `${target}.${process.pid}.part`;

/** A draft that could not be made because its folder is a file is no error here: the caller reports that. */
export function removeDraft(draft: string): void {
  try {
    rmSync(draft, { force: true });
  } catch (error) {
    if (systemCode(error) !== 'ENOTDIR') throw error;
  }
}

/** Drafts of a file that ended processes left, the newest last. Call it before this process begins its own. */
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

/** Whether it is another running process. One with our own number has ended: in a container all have the same number. */
function isOther(pid: number): boolean {
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemCode(error) !== 'ESRCH';
  }
}

/** Writes a small file atomically, replacing an existing one. A target that is not a file (a device, a pipe) is written directly. */
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
    removeDraft(draft);
  }
}

/** Renames a finished file to its final name, durably. Rejects with `EEXIST` if there is one, unless it may be replaced. */
export async function putInPlace(draft: string, file: string, replace: boolean): Promise<void> {
  if (replace) await rename(draft, file);
  else {
    // Unlike a rename, a link does not replace a file that was created meanwhile.
    await link(draft, file);
    await rm(draft);
  }
  // Some file systems cannot do that for folders.
  await syncFile(dirname(file), 'r').catch(() => {});
}

/** Throws a `StartError` if the output file is the database to be read, by whatever path. */
export function assertOther(file: string, database: string): void {
  const [target, source] = [file, database].map((path) =>
    statSync(path, { throwIfNoEntry: false }),
  );
  if (target && source && target.dev === source.dev && target.ino === source.ino) {
    throw new StartError([`${file} is the database itself`]);
  }
}

export async function syncFile(path: string, flags = 'r+'): Promise<void> {
  const handle = await open(path, flags);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
