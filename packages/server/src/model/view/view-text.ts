import { createHmac } from 'node:crypto';
import type { Auth } from '@really/protocol';
import type { Epoch } from '../../store/store.js';
import type { AuthParts, Model } from '../model.js';
import { groupKeyOf, viewReads } from './view.js';

/** Length of a view in characters: 96 bits. */
export const viewLength = 16;

/** The views of one model: one for everybody or, if its rules read `auth`, one for each reader. */
interface Known {
  readonly reads: AuthParts;
  shared: string | undefined;
  readonly byAuth: WeakMap<Auth, string>;
}

/**
 * A reader's view of a collection, as a short text: the same as long as the store, the model and the parts of the
 * reader that its rules read are the same, on every node and after a restart. It is keyed, so it reveals nothing of
 * the token. Computed once for each reader, so that pushes need not compute it.
 */
export class ViewTexts {
  readonly #epoch: () => Epoch;
  /** The inputs of `#known`. */
  #of: Epoch | undefined;
  #known = new WeakMap<Model, Known>();

  constructor(epoch: () => Epoch) {
    this.#epoch = epoch;
  }

  of(model: Model, auth: Auth): string {
    const epoch = this.#epoch();
    if (epoch !== this.#of) {
      this.#of = epoch;
      this.#known = new WeakMap();
    }
    const known = this.#knownOf(model);
    const { reads } = known;
    if (!reads.all && !reads.uid && !reads.r) {
      known.shared ??= textOf(epoch, model, '');
      return known.shared;
    }
    const before = known.byAuth.get(auth);
    if (before !== undefined) return before;
    const text = textOf(epoch, model, groupKeyOf(reads, auth));
    known.byAuth.set(auth, text);
    return text;
  }

  #knownOf(model: Model): Known {
    const before = this.#known.get(model);
    if (before) return before;
    const known: Known = { reads: viewReads(model), shared: undefined, byAuth: new WeakMap() };
    this.#known.set(model, known);
    return known;
  }
}

function textOf({ id, secret }: Epoch, { key, version, digest }: Model, rights: string): string {
  const parts = JSON.stringify([id, key, version, digest, rights]);
  return createHmac('sha256', secret).update(parts).digest('base64url').slice(0, viewLength);
}
