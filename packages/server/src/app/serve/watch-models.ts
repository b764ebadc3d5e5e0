import { type BigIntStats, type Dirent, promises } from 'node:fs';
import { join } from 'node:path';
import type { Log } from '../../platform/log.js';
import type { Platform } from '../../platform/platform.js';
import { systemCode } from '../../platform/system-reason.js';

/** Milliseconds between two scans, and at least this multiple of the last scan's duration, to limit the load. */
const pause = 200;
const restPerLook = 20;

/** Bounds a scan when links are circular. */
const deepest = 10;
const mostFiles = 20_000;

export interface WatchOptions {
  readonly platform: Pick<Platform, 'timers' | 'clock'>;
  readonly log: Log;
}

/**
 * Calls `changed` when files of this folder were created, changed, removed or replaced, or when its path, or a link
 * inside it, leads elsewhere. Resolves when it watches, with a function that stops it. It polls: notifications of the
 * operating system are about the files that were there at registration, not about replacements, and over networks and
 * into containers there are none.
 */
export async function watchModels(
  folder: string,
  changed: () => void,
  { platform: { clock, timers }, log }: WatchOptions,
): Promise<() => Promise<void>> {
  let isStopped = false;
  /** As of the last call of `changed`, and as of the last scan. */
  let known = await fingerprintOf(folder);
  let last = known;
  const look = async () => {
    const begun = clock.monotonic();
    try {
      const now = await fingerprintOf(folder);
      // Files are complete when two scans agree.
      if (!isStopped && now !== known && now === last) {
        known = now;
        changed();
      }
      last = now;
    } catch (err) {
      log.warn({ err }, 'the models cannot be watched');
    }
    const rest = Math.max(pause, (clock.monotonic() - begun) * restPerLook);
    if (!isStopped) timer = timers.after(rest, look);
  };
  let timer = timers.after(pause, look);
  return async () => {
    isStopped = true;
    timer.cancel();
  };
}

/** A fingerprint that changes when any file below the folder is replaced or written. Does not reject for missing files. */
async function fingerprintOf(folder: string): Promise<string> {
  const lines: string[] = [];
  await note(folder, lines, 0);
  return lines.sort().join('\n');
}

async function note(path: string, lines: string[], depth: number): Promise<void> {
  if (depth > deepest || lines.length > mostFiles) return;
  const stat = await promises.stat(path, { bigint: true }).catch(codeOf);
  if (typeof stat === 'string' || !stat.isDirectory()) {
    lines.push(`${path} ${typeof stat === 'string' ? stat : traitsOf(stat)}`);
    return;
  }
  const entries = await promises.readdir(path, { withFileTypes: true }).catch(codeOf);
  lines.push(`${path}/ ${typeof entries === 'string' ? entries : ''}`);
  if (typeof entries === 'string') return;
  await Promise.all(
    entries.filter(isOfModels).map(({ name }) => note(join(path, name), lines, depth + 1)),
  );
}

/** Temporary files of editors and systems are ignored, as when models are loaded. */
function isOfModels({ name }: Dirent): boolean {
  return !name.startsWith('.') && !name.endsWith('~');
}

function traitsOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return `${dev}:${ino} ${size} ${mtimeNs} ${ctimeNs}`;
}

function codeOf(error: unknown): string {
  return systemCode(error) || String(error);
}
