import { clientError, type ReallyError } from '../really-error.js';
import type { ClientWrite } from './client-write.js';
import type { WriteEnding } from './write-keeper.js';

/** How an error ends a write. */
export type ErrorEffect =
  | { readonly kind: 'defer' }
  /** The object is there, or gone, as the write wanted it. */
  | { readonly kind: 'done' }
  | { readonly kind: 'end'; readonly ending: WriteEnding };

/**
 * What an error says about a write. `isRepeat`: it was sent before, and its answer lost. `isLate`: so
 * long ago that the server may have forgotten its id, and an error may be about its own first effect.
 */
export function errorEffectOf(
  { commands, isBatch, options }: Pick<ClientWrite, 'commands' | 'isBatch' | 'options'>,
  error: ReallyError,
  { isRepeat, isLate }: { isRepeat: boolean; isLate: boolean },
): ErrorEffect {
  if (error.retry === 'backoff' && options.queue !== false) return { kind: 'defer' };
  if (!isRepeat) return { kind: 'end', ending: { state: 'refused', error } };
  const [command] = commands;
  if (!isBatch && command) {
    const isTaken = error.message === 'object.already.exist';
    // Nobody else comes up with an id that was made here.
    if (command.cmd === 'create' && command.isOwnId && isTaken) return { kind: 'done' };
    if (isLate && command.cmd === 'delete' && error.message === 'object.gone') {
      return { kind: 'done' };
    }
  }
  if (!isLate) return { kind: 'end', ending: { state: 'refused', error } };
  const doubt = clientError('write.uncertain', { r: error.r, cause: error });
  return { kind: 'end', ending: { state: 'uncertain', error: doubt } };
}
