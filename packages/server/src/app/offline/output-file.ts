import { statSync } from 'node:fs';
import { type FileHandle, link, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ownerOnlyFile } from '../../platform/owner-only.js';
import { StartError } from '../start-error.js';

/** Copies of data have all that is in it, and who may read them is for their owner to say. */
export const ownersOnly = ownerOnlyFile;

/** Puts a finished file in its place, for good. Rejects with `EEXIST` where there is one, unless it may be replaced. */
export async function putInPlace(draft: string, file: string, replace: boolean): Promise<void> {
  if (replace) await rename(draft, file);
  else {
    // Unlike a rename it does not take the place of what was put there meanwhile.
    await link(draft, file);
    await rm(draft);
  }
  await syncFolder(dirname(file));
}

/** Throws a `StartError` where a file that is to be written is the database that is to be read, by whatever path. */
export function assertOther(file: string, database: string): void {
  const [target, source] = [file, database].map((path) =>
    statSync(path, { throwIfNoEntry: false }),
  );
  if (target && source && target.dev === source.dev && target.ino === source.ino) {
    throw new StartError([`${file} is the database itself`]);
  }
}

export async function syncFile(file: string): Promise<void> {
  const handle = await open(file, 'r+');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

export async function syncFolder(folder: string): Promise<void> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(folder, 'r');
    await handle.sync();
  } catch {
    // There are file systems that can not do that for folders.
  } finally {
    await handle?.close();
  }
}
