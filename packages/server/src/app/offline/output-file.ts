import { statSync } from 'node:fs';
import { type FileHandle, link, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ownerOnlyFile } from '../../platform/owner-only.js';
import { StartError } from '../start-error.js';

/** Copies contain all data, so only their owner may read them. */
export const ownersOnly = ownerOnlyFile;

/** Renames a finished file to its final name, durably. Rejects with `EEXIST` if there is one, unless it may be replaced. */
export async function putInPlace(draft: string, file: string, replace: boolean): Promise<void> {
  if (replace) await rename(draft, file);
  else {
    // Unlike a rename, a link does not replace a file that was created meanwhile.
    await link(draft, file);
    await rm(draft);
  }
  await syncFolder(dirname(file));
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
    // Some file systems cannot do that for folders.
  } finally {
    await handle?.close();
  }
}
