import { chmodSync, existsSync, readdirSync, realpathSync, type Stats, statSync } from 'node:fs';
import { join } from 'node:path';
import { makeFolder } from '../../platform/make-folder.js';
import { isOpen, narrowFile, ownerOnlyFolder } from '../../platform/owner-only.js';
import { StartError, systemReason } from '../start-error.js';

/** The development secret, in the data folder. */
export const secretFileName = 'development.secret';

/** What this program puts into a data folder: a folder that has nothing else is nobody else's. */
const ownNames = /^(really\.db.*|development\.secret.*|import\.\d+\.part|lost\+found)$/;

/**
 * Makes the data folder where it is missing, and has it and the development secret be their owner's alone. Returns
 * what others can still do there, in words. Throws a `StartError` where there is no such folder to be had.
 */
export function openDataFolder(folder: string): string[] {
  try {
    makeFolder(folder);
    return [...narrowFolder(realpathSync(folder)), ...narrowSecret(join(folder, secretFileName))];
  } catch (error) {
    const why = systemReason(error);
    const work = existsSync(folder) ? 'used' : 'made';
    throw new StartError([`the data folder ${folder} cannot be ${work}: ${why}`], error);
  }
}

/**
 * One that others share stays as it is: /tmp, or an app's folder whose models and pages other users read. The
 * files in it are for their owner alone all the same.
 */
function narrowFolder(folder: string): string[] {
  const stat = statSync(folder);
  if (!isOpen(folder)) return [];
  const may = mayBeChanged(stat) ? 'add and remove files in' : 'look into';
  if (isShared(folder, stat)) {
    return mayBeChanged(stat) ? [`others may ${may} the data folder ${folder}`] : [];
  }
  try {
    chmodSync(folder, ownerOnlyFolder);
    return [];
  } catch (error) {
    return [
      `others may ${may} the data folder ${folder}, and that stays so: ${systemReason(error)}`,
    ];
  }
}

/** In a sticky folder each may remove only what is theirs. */
function mayBeChanged({ mode }: Stats): boolean {
  return (mode & 0o1000) === 0 && (mode & 0o022) !== 0;
}

function isShared(folder: string, { uid, mode }: Stats): boolean {
  const isSticky = (mode & 0o1000) !== 0;
  return (
    isSticky ||
    uid !== process.getuid?.() ||
    !readdirSync(folder).every((name) => ownNames.test(name))
  );
}

function narrowSecret(file: string): string[] {
  if (!isOpen(file) || narrowFile(file)) return [];
  return [`others may read ${file}, and that cannot be changed`];
}
