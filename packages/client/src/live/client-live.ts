import type { JsonObject } from '@really/protocol/client';
import type { LivePort } from '../live-port.js';
import type { PartContext } from '../part-context.js';
import type { ListQuery } from '../requests/list-query.js';
import { CopyStore } from '../store/copy-store.js';
import type { WireMessage } from '../wire-message.js';
import type { ClientWrite } from '../writes/client-write.js';
import type { ShownRevision } from '../writes/seen-revisions.js';
import { ListFeeds } from './list-feeds.js';
import { ObjectFeeds } from './object-feeds.js';

/** Milliseconds after the answer to a write in which the push of it comes, if any does. */
const layerTime = 5_000;

/** The copies of objects, and the subscriptions that keep them and lists up to date. */
export class ClientLive implements LivePort {
  readonly #context: PartContext;
  readonly #store: CopyStore;
  readonly #objects: ObjectFeeds;
  readonly #lists: ListFeeds;
  #sessions = 0;

  constructor(context: PartContext) {
    this.#context = context;
    this.#store = new CopyStore(context);
    const feedContext = { ...context, store: this.#store };
    this.#objects = new ObjectFeeds(feedContext);
    this.#lists = new ListFeeds(feedContext);
  }

  hold(r: string, query: ListQuery | undefined) {
    if (query) {
      const list = this.#lists.hold(r, query);
      return { source: list, release: () => this.#lists.release(list) };
    }
    const object = this.#objects.hold(r);
    return { source: object, release: () => this.#objects.release(object) };
  }

  valueOf(r: string): JsonObject | undefined {
    return this.#store.valueOf(r);
  }

  shown(r: string): ShownRevision[] {
    return this.#store.shown(r);
  }

  added(write: ClientWrite, behind: readonly ClientWrite[]): void {
    this.#store.forWrite(write, (copy) => copy.addWrite(write, behind));
    this.#lists.wrote(write, true);
  }

  committed(write: ClientWrite): void {
    this.#store.forWrite(write, (copy) => copy.commitWrite(write));
    this.#objects.settled(write);
    this.#expireLayers(write);
  }

  /** A field that the user may write and not read is in no push. A push that was missed comes in the next session. */
  #expireLayers(write: ClientWrite): void {
    const { platform, requests } = this.#context;
    const session = this.#sessions;
    platform.setTimer(layerTime, () => {
      if (requests.isUp && session === this.#sessions) this.#undraw(write);
      else this.#expireLayers(write);
    });
  }

  failed(write: ClientWrite): void {
    this.#undraw(write);
    this.#objects.settled(write);
  }

  #undraw(write: ClientWrite): void {
    this.#store.forWrite(write, (copy) => copy.dropWrite(write));
    this.#lists.wrote(write, false);
  }

  forget(): void {
    this.#lists.forget();
    this.#objects.forget();
  }

  storeChanged(): void {
    this.#store.forgetRevisions();
    this.#objects.storeChanged();
  }

  up(isResumed: boolean): void {
    this.#sessions += 1;
    this.#objects.up(isResumed);
    this.#lists.up(isResumed);
  }

  down(): void {
    this.#objects.down();
    this.#lists.down();
  }

  receive(message: WireMessage): void {
    if (message.meta?.subscription !== undefined) this.#lists.receive(message);
    else this.#objects.receive(message);
  }

  close(): void {
    this.#objects.close();
    this.#lists.close();
  }
}
