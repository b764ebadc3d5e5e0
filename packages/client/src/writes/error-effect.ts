import { clientError, type ReallyError } from '../really-error.js';
import type { ClientWrite } from './client-write.js';
import type { WriteEnding } from './write-keeper.js';

/** How an error ends a write. */
export type ErrorEffect =
  | 'defer'
  /** The object is there, or gone, as the write wanted it. */
  | 'done'
  | WriteEnding;

/**
 * What an error says about a write. `isRepeat`: it was sent before, and its answer lost. `isLate`: so
 * long ago that the server may have forgotten its id, and an error may be about its own first effect.
 */
export function errorEffectOf(
  { commands, isBatch, options }: Pick<ClientWrite, 'commands' | 'isBatch' | 'options'>,
  error: ReallyError,
  isRepeat: boolean,
  isLate: boolean,
): ErrorEffect {
  if (error.retry === 'backoff' && options.queue !== false) return 'defer';
  const [command] = commands;
  if (isRepeat && !isBatch && command) {
    const { message } = error;
    // Nobody else comes up with an id that was made here.
    const isOwn = command.cmd === 'create' && command.isOwnId;
    if (isOwn && message === 'object.already.exist') return 'done';
    if (isLate && command.cmd === 'delete' && message === 'object.gone') return 'done';
  }
  if (!isLate) return { state: 'refused', error };
  const doubt = clientError('write.uncertain', { r: error.r, cause: error });
  return { state: 'uncertain', error: doubt };
}
