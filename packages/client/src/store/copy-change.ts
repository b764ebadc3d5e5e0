import type { Actor, Delta, JsonObject } from '@really/protocol/client';
import type { WireMessage } from '../wire-message.js';

/** What the server says of an object, on whatever subscription it comes. */
export type CopyInput =
  | {
      readonly kind: 'snapshot';
      readonly rev: number;
      readonly value: JsonObject;
      readonly once?: string | undefined;
      /** In the answer to a read: that may be ahead of the answer to a write. */
      readonly isAnswer?: boolean | undefined;
    }
  | {
      readonly kind: 'updated';
      readonly rev: number;
      /** The last revision before it that changed anything here. */
      readonly prev: number;
      readonly delta: Delta;
      readonly by?: Actor | undefined;
      readonly once?: string | undefined;
    }
  | {
      readonly kind: 'deleted';
      readonly rev: number;
      readonly by?: Actor | undefined;
      readonly once?: string | undefined;
    };

/** Of a push on an object. */
export function copyInput({ evt, rev = 0, body = {}, meta = {} }: WireMessage): CopyInput {
  const { once, opBy: by, prev = rev - 1 } = meta;
  if (evt === 'snapshot') return { kind: evt, rev, value: body, once };
  if (evt === 'updated') return { kind: evt, rev, prev, delta: body as never, by, once };
  return { kind: 'deleted', rev, by, once };
}

/** Why the value of a copy is another one. */
export type CopyChange =
  /** The object as a whole: the first that is known of it. */
  | { readonly kind: 'snapshot'; readonly rev: number }
  /** The object as a whole, in place of revisions that were missed: nothing is known of them. */
  | { readonly kind: 'reset'; readonly rev: number }
  /** One revision. `by`: whose. */
  | { readonly kind: 'updated'; readonly rev: number; readonly by?: Actor | undefined }
  | { readonly kind: 'deleted'; readonly rev: number; readonly by?: Actor | undefined }
  /** A write of this client was made or taken back; the revision is as before. */
  | { readonly kind: 'local' };
