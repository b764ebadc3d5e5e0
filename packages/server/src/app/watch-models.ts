import { dirname, resolve, sep } from 'node:path';
import { watch } from 'chokidar';
import type { Log } from '../platform/log.js';
import type { Platform, Timer } from '../platform/platform.js';

/** Milliseconds without another change after which what was written is taken to be whole. */
const pause = 100;

export interface WatchOptions {
  readonly platform: Pick<Platform, 'timers'>;
  readonly log: Log;
}

/**
 * Calls `changed` once files of this folder were made, changed or removed. Resolves when it watches, with what stops that.
 */
export async function watchModels(
  folder: string,
  changed: () => void,
  { platform, log }: WatchOptions,
): Promise<() => Promise<void>> {
  let timer: Timer | undefined;
  // From the folder above, so that one that goes and comes back is still watched.
  const models = resolve(folder);
  const ignored = (path: string) => {
    return path !== dirname(models) && path !== models && !path.startsWith(models + sep);
  };
  const watcher = watch(dirname(models), { ignoreInitial: true, ignored });
  watcher.on('all', () => {
    timer?.cancel();
    timer = platform.timers.after(pause, changed);
  });
  watcher.on('error', (err) => log.warn({ err }, 'the folder of models can not be watched'));
  await new Promise<void>((resolve) => watcher.once('ready', () => resolve()));
  return async () => {
    timer?.cancel();
    await watcher.close();
  };
}
