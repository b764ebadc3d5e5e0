import { fail } from '@really/protocol';
import { isSealOf, SealKey, type SealKind, sealOf } from '../platform/seal.js';
import type { Epoch } from '../store/store.js';
import type { Pos } from '../store/stored-object.js';

/** A position in the log, and the view under which the client received everything up to it. */
export interface Position {
  readonly pos: Pos;
  readonly view: string;
}

/** Length of a seal in characters: 96 bits. */
const sealLength = 16;

const sealed = new RegExp(`^([0-9a-z]{1,11})\\.([\\w-]{${sealLength}})$`);
/** The format of servers that did not know views yet. */
const bare = /^\d{1,16}$/;

const noPosition = { pos: -1, view: '', text: '' };

/**
 * Opaque positions for clients: the log position, and a seal of position and view. A position is
 * therefore valid under its view only, and cannot be forged to make the server scan the past (rule
 * LIM16). The key belongs to the epoch, so positions survive a restart.
 */
export class Positions {
  readonly #epoch: () => Epoch;
  #sealing: { readonly epoch: Epoch; readonly kind: SealKind } | undefined;
  /** The last text: many windows report the same change. */
  #last: Position & { readonly text: string } = noPosition;

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
   * Parses a position from a request; `path` is its path there. Throws 400 if malformed, and 410
   * `position.gone` if it was not issued by this epoch under this view.
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
      const key = SealKey.derive(epoch.secret, 'positions');
      this.#sealing = { epoch, kind: { key, length: sealLength } };
      this.#last = noPosition;
    }
    return this.#sealing.kind;
  }
}

function sealedText(pos: Pos, view: string): string {
  return `${pos} ${view}`;
}
