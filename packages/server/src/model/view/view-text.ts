import { createHmac } from 'node:crypto';
import type { Auth } from '@really/protocol';
import type { Epoch } from '../../store/store.js';
import type { AuthParts, Model } from '../model.js';
import { groupKeyOf, viewReads } from './view.js';

/** Characters of a view: 96 bits. */
export const viewLength = 16;

/** The views of one model: one for everybody, or, where its rights look at the reader, one for each. */
interface Known {
  readonly reads: AuthParts;
  shared: string | undefined;
  readonly byAuth: WeakMap<Auth, string>;
}

/**
 * A reader's view of a collection, as a short text: the same for as long as the store, the model and what its rights read
 * of the reader are the same, on every node and after a restart. It is keyed, so that it says nothing of the
 * token that it was made from. Worked out once for each reader: a push costs nothing.
 */
export class ViewTexts {
  readonly #epoch: () => Epoch;
  /** What `#known` is of. */
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
