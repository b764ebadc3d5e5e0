import { fail } from '@really/protocol';
import { isSealOf, type SealKind, sealKey, sealOf } from '../platform/seal.js';
import type { Epoch, Pos } from '../store/store.js';

/** A place in the store's log, and the view under which everything up to there was heard. */
export interface Position {
  readonly pos: Pos;
  readonly view: string;
}

/** Characters of a seal: 96 bits. */
const sealLength = 16;

const sealed = new RegExp(`^([0-9a-z]{1,11})\\.([\\w-]{${sealLength}})$`);
/** Of a server that did not know views yet. */
const bare = /^\d{1,16}$/;

const nothingTold = { pos: -1, view: '', text: '' };

/**
 * Positions as clients are told them, for whom they are opaque: the place, and a seal of place and view. So each is good under its view
 * alone, and none can be made up, which would have the server look through as much of the past as somebody likes (rule LIM16). The
 * key is the epoch's: what was given out before a restart stays good.
 */
export class Positions {
  readonly #epoch: () => Epoch;
  #sealing: { readonly epoch: Epoch; readonly kind: SealKind } | undefined;
  /** The last one that was told: many windows tell of the same change. */
  #last: Position & { readonly text: string } = nothingTold;

  constructor(epoch: () => Epoch) {
    this.#epoch = epoch;
  }

  text({ pos, view }: Position): string {
    const kind = this.#kind();
    if (this.#last.pos === pos && this.#last.view === view) return this.#last.text;
    const text = `${pos.toString(36)}.${sealOf(sealedText(pos, view), kind)}`;
    this.#last = { pos, view, text };
    return text;
  }

  /**
   * A position as a push told it; `path` is where it stands in the request. Throws 400 where it is none, and 410 `position.gone` where it
   * was not given out under this view: under another one, by another epoch, or never.
   */
  read(text: string, view: string, path: string): Position {
    const [, digits = '', seal = ''] = sealed.exec(text) ?? [];
    const pos = Number.parseInt(digits, 36);
    if (!Number.isSafeInteger(pos) && !bare.test(text))
      throw fail.invalid(path, 'expected.position');
    if (!isSealOf(sealedText(pos, view), this.#kind(), seal)) throw fail('position.gone');
    return { pos, view };
  }

  #kind(): SealKind {
    const epoch = this.#epoch();
    if (this.#sealing?.epoch !== epoch) {
      const key = sealKey(epoch.secret, 'positions');
      this.#sealing = { epoch, kind: { key, length: sealLength } };
      this.#last = nothingTold;
    }
    return this.#sealing.kind;
  }
}

function sealedText(pos: Pos, view: string): string {
  return `${pos} ${view}`;
}
