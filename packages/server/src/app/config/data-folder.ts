import { chmodSync, existsSync, readdirSync, realpathSync, type Stats, statSync } from 'node:fs';
import { join } from 'node:path';
import { makeFolder } from '../../platform/make-folder.js';
import { isOpen, narrowFile, ownerOnlyFolder } from '../../platform/owner-only.js';
import { StartError, systemReason } from '../start-error.js';

/** The development secret, in the data folder. */
export const secretFileName = 'development.secret';

/** The files of this program in a data folder: a folder with no other files is not shared. */
const ownNames = /^(really\.db.*|development\.secret.*|import\.\d+\.part|lost\+found)$/;

/**
 * Creates the data folder if it is missing, and makes it and the development secret private to their owner. Returns,
 * in words, what others can still do there. Throws a `StartError` if the folder cannot be used.
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
 * A shared folder keeps its mode: /tmp, or an app's folder whose models and pages other users read. The files in it
 * are private all the same.
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

/** In such a folder users may remove only their own files. */
const sticky = 0o1000;

function mayBeChanged({ mode }: Stats): boolean {
  return (mode & sticky) === 0 && (mode & 0o022) !== 0;
}

function isShared(folder: string, { uid, mode }: Stats): boolean {
  return (
    (mode & sticky) !== 0 ||
    uid !== process.getuid?.() ||
    !readdirSync(folder).every((name) => ownNames.test(name))
  );
}

function narrowSecret(file: string): string[] {
  if (!isOpen(file) || narrowFile(file)) return [];
  return [`others may read ${file}, and that cannot be changed`];
}
