import type { Pos } from '../../store/stored-object.js';
import type { KnownWindow } from './query-subscription.js';
import {
  type KnownRows,
  knowsSame,
  type QueryWindow,
  type Row,
  rowsBefore,
  type WindowChange,
} from './query-window.js';

/**
 * How what live subscribers were sent compares with the window at their position:
 *
 * - `exact`: it is the same;
 * - `partial`: only a part of a change was sent, without the row `entering` from the reserve. It is
 *   sent when the store was read, which is the next thing to do;
 * - `newer`: others wrote during that read, so rows may be newer, until they are at this position.
 *
 *     exact | newer ──▶ partial ──▶ exact | newer
 */
type DeliveredState =
  | { readonly kind: 'exact' }
  | { readonly kind: 'partial'; readonly entering: Row | undefined }
  | { readonly kind: 'newer'; readonly until: Pos };

/** `before`: what those know who have not been sent the change yet; call it before the next change. */
export type WindowEdit = WindowChange & { readonly before?: () => KnownWindow };

/** What live subscribers know of the rows of a window. */
export class DeliveredWindow {
  readonly #window: QueryWindow;
  #state: DeliveredState = { kind: 'exact' };
  #rows: KnownRows | undefined;
  /** As they were before the last read, until something changes. */
  #lastRows: KnownRows | undefined;

  constructor(window: QueryWindow) {
    this.#window = window;
  }

  /** The same object until something changes, so that those that know it for long share it. */
  get rows(): KnownRows {
    this.#rows ??= this.#sharedRows();
    return this.#rows;
  }

  #sharedRows(): KnownRows {
    const entering = this.#state.kind === 'partial' ? this.#state.entering : undefined;
    const shown = this.#window.shown.filter((row) => row !== entering);
    const rows = new Map(shown.map((row) => [row.r, row]));
    const last = this.#lastRows;
    this.#lastRows = undefined;
    return last && knowsSame(last, rows) ? last : rows;
  }

  /** What a subscriber knows that was sent everything up to this position. */
  at(pos: Pos): KnownWindow {
    return { rows: this.rows, pos, isExact: this.#isExactAt(pos) };
  }

  /** `edit` changes this object's row; `pos`: the position that live subscribers have reached. */
  edited(r: string, pos: Pos, edit: () => WindowChange): WindowEdit {
    const known = this.#rows;
    const isExact = this.#isExactAt(pos);
    const row = this.#window.get(r);
    const windowChange = edit();
    this.#rows = undefined;
    this.#lastRows = undefined;
    const before = () => {
      const rows = known ?? rowsBefore(this.#window.shown, windowChange, { r, row });
      return { rows, pos, isExact };
    };
    return { ...windowChange, before };
  }

  /** Only a part of a change is sent: without this row, which is sent when the store was read. */
  partly(entering: Row | undefined): void {
    this.#state = { kind: 'partial', entering };
    this.#rows = undefined;
  }

  /** The rows were read at `pos`, and what others wrote up to `until` may be in them. */
  wasRead(pos: Pos, until: Pos): void {
    this.#state = until === pos ? { kind: 'exact' } : { kind: 'newer', until };
    this.#lastRows = this.#rows;
    this.#rows = undefined;
  }

  #isExactAt(pos: Pos): boolean {
    const state = this.#state;
    return state.kind === 'exact' || (state.kind === 'newer' && pos >= state.until);
  }
}
