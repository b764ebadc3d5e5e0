import type { JsonObject } from '@really/protocol/client';
import type { LiveSnapshot } from './live/live-snapshot.js';
import type { PartContext } from './part-context.js';
import type { ListQuery } from './requests/list-query.js';
import type { WireMessage } from './wire-message.js';
import type { ClientWrite } from './writes/client-write.js';
import type { ShownRevision } from './writes/seen-revisions.js';

/** What live copies show. */
export interface LiveSource<Value, Change> {
  readonly changes: {
    subscribe(listener: (change: Change | { readonly kind: 'status' }) => void): () => void;
  };
  getSnapshot(): LiveSnapshot<Value>;
}

/** An object or a list that is kept up to date until it is released. */
export interface HeldSource {
  readonly source: LiveSource<unknown, unknown>;
  release(): void;
}

/** What keeps the live copies of a client up to date, as its core knows it: its code is an entry of its own. */
export interface LivePort {
  /** An object, or what a query finds. */
  hold(r: string, query: ListQuery | undefined): HeldSource;
  /** What the app sees of an object now, where all of it is live. */
  valueOf(r: string): JsonObject | undefined;
  /** Up to which revisions it sees an object, in each copy that is live. */
  shown(r: string): readonly ShownRevision[];
  /** `behind`: the writes that wait already and come after it. */
  added(write: ClientWrite, behind: readonly ClientWrite[]): void;
  committed(write: ClientWrite): void;
  /** Refused, or uncertain. */
  failed(write: ClientWrite): void;
  /** The next session is of another user. */
  forget(): void;
  /** Revisions of another store mean something else. */
  storeChanged(): void;
  up(isResumed: boolean): void;
  down(): void;
  /** A push on a subscription. */
  receive(message: WireMessage): void;
  /** There will be no session any more. */
  close(): void;
}

let make: ((context: PartContext) => LivePort) | undefined;

/** Called by `@really/client/live` when it is loaded. */
export function provideLive(makeLive: (context: PartContext) => LivePort): void {
  make = makeLive;
}

/** `undefined` where the entry is not loaded. */
export function liveFor(context: PartContext): LivePort | undefined {
  return make?.(context);
}
