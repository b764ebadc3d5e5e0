import type { JsonObject } from '@really/protocol/client';
import { type CopyChange, copyInput } from '../store/copy-change.js';
import type { CopyStore } from '../store/copy-store.js';
import type { ObjectCopy } from '../store/object-copy.js';
import type { WireMessage } from '../wire-message.js';
import { Feed } from './feed.js';

export interface LiveObjectFeedEvents {
  /** A push skipped a revision. */
  readonly onGap: () => void;
  /** A list brought the object that was missing. */
  readonly onFound: () => void;
}

/** One object that is subscribed to, on whatever session. */
export class LiveObjectFeed extends Feed<JsonObject, CopyChange> {
  /** Its R. */
  readonly key: string;
  /** Whether the server has the subscription in the present session, or in the one to be resumed. */
  isOnServer = false;
  /** Whether a `subscribe` is to be sent, or sent and not answered. */
  isRequested = false;
  /** Refused: not asked for again in this session. */
  isGivenUp = false;
  /** It was refused while own writes were under way, and asked for again once these were settled. */
  isAskedAgain = false;
  /** It is to be asked for again when these are settled. */
  isAwaitingWrites = false;
  /** Refused because there is no such object: asked for again once a list brings it. */
  isMissing = false;
  /** Under which the revision was received. Sent with it, to go on. */
  view: string | undefined;
  /** That of the last answer, which holds from the first push on. */
  #nextView: string | undefined;
  /** The session has the subscription: what is missing follows. */
  #isUp = false;
  readonly #copy: ObjectCopy;
  readonly end: () => void;
  readonly #onFound: () => void;

  constructor(r: string, store: CopyStore, { onGap, onFound }: LiveObjectFeedEvents) {
    super();
    this.key = r;
    this.#onFound = onFound;
    const { copy, end } = store.hold(r, '', (change) => this.#changed(change), onGap);
    this.#copy = copy;
    this.end = end;
    // A list has it, perhaps hidden by a deletion of this client.
    if (this.#copy.value || this.#copy.rev) this.move('live', true);
  }

  /** The revision to go on from. */
  get rev(): number | undefined {
    // 0: it was of another store.
    return this.view === undefined ? undefined : this.#copy.receivedRev || undefined;
  }

  get isPending(): boolean {
    return this.#copy.isPending;
  }

  get isBeingCreated(): boolean {
    return this.#copy.isBeingCreated;
  }

  get value(): JsonObject | undefined {
    return this.#copy.value;
  }

  /** The server has the subscription; where it goes on from a revision, that is all. */
  subscribed(view: string, isContinued: boolean): void {
    this.isOnServer = true;
    this.isRequested = false;
    this.#isUp = true;
    this.#nextView = view;
    if (isContinued) this.enter('live', false);
  }

  /** The session was resumed: what was missed follows. */
  resumed(): void {
    this.#isUp = true;
    if (this.#copy.rev !== undefined) this.enter('live', false);
  }

  down(): void {
    this.isRequested = false;
    this.#isUp = false;
    if (this.status === 'live') this.enter('live', true);
  }

  /** Whatever comes next replaces what is known. */
  startOver(): void {
    this.view = undefined;
    this.isOnServer = false;
    this.#copy.forgetRevision();
  }

  /** It was seen by another user. */
  forget(): void {
    this.view = undefined;
    this.#copy.forget();
    this.enter('loading', true);
  }

  /** At a revision that nobody says. */
  gone(): void {
    this.isOnServer = false;
    this.#copy.receive({ kind: 'deleted', rev: (this.#copy.receivedRev ?? 0) + 1 });
  }

  receive(message: WireMessage): void {
    if (!this.isOnServer) return;
    this.view = message.meta?.view ?? this.#nextView ?? this.view;
    this.#nextView = undefined;
    const input = copyInput(message);
    const { kind } = input;
    if (kind === 'deleted') this.isOnServer = false;
    this.#copy.receive(input);
    const { rev } = this.#copy;
    // A list may have brought that, or a later revision already.
    if (kind === 'snapshot' && rev !== undefined && rev >= input.rev) this.enter('live', false);
  }

  #changed(change: CopyChange): void {
    if (change.kind === 'deleted') this.move('deleted', false);
    else if (change.kind !== 'local') this.#show();
    else if (this.status === 'loading' && this.#copy.value) this.move('live', true);
    this.emit(change);
  }

  #show(): void {
    this.move('live', !this.#isUp);
    if (!this.isMissing) return;
    this.isMissing = false;
    this.#onFound();
  }
}
