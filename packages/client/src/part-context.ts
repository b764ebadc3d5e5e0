import type { ClientPlatform } from './client-platform.js';
import type { MakeList } from './live/live-list-feed.js';
import type { Requests } from './requests/requests.js';
import type { OwnWrites } from './writes/ask-again.js';
import type { SeenRevisions } from './writes/seen-revisions.js';

/** What the parts of a client that are entries of their own, live copies and rooms, do their work with. */
export interface PartContext {
  readonly platform: ClientPlatform;
  readonly requests: Requests;
  /** Milliseconds for an answer, where a request has no time limit of its own. */
  readonly timeout: number;
  readonly writes: OwnWrites;
  /** What the app sees is noted there when it is closed. */
  readonly seen: Pick<SeenRevisions, 'note'>;
  readonly makeList: MakeList | undefined;
}
