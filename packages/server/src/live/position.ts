import { fail } from '@really/protocol';
import { viewLength } from '../model/view-text.js';
import type { Pos } from '../store/store.js';

/** A place in the store's log, and the view under which everything up to there was heard. */
export interface Position {
  readonly pos: Pos;
  readonly view: string;
}

/** As clients are told it, for whom it is opaque (rule VIEW3). */
export function positionText(pos: Pos, view: string): string {
  return `${pos.toString(36)}.${view}`;
}

const position = new RegExp(`^([0-9a-z]{1,11})\\.([\\w-]{${viewLength}})$`);
/** Of a server that did not know views yet: it was heard under none that there is. */
const bare = /^\d{1,16}$/;

/** A position as a push told it. Throws 400 where it is none; `path` is where it stands in the request. */
export function readPosition(text: string | undefined, path: string): Position | undefined {
  if (text === undefined) return undefined;
  if (bare.test(text)) return { pos: Number(text), view: '' };
  const [, digits = '', view = ''] = position.exec(text) ?? [];
  const pos = Number.parseInt(digits, 36);
  if (!Number.isSafeInteger(pos)) throw fail.invalid(path, 'expected.position');
  return { pos, view };
}
