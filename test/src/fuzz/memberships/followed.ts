import { applyDelta, type Delta, type JsonObject } from '@really/protocol';
import type { ServerMessage } from '../../harness/client.js';

/** An object as its subscriber keeps it. */
export class FollowedObject {
  readonly r: string;
  rev = 0;
  view: string | undefined;
  data: JsonObject = {};
  /** How it ended, if it did. */
  ended: ServerMessage | undefined;
  /** It is unknown which pushes arrived, so they may come again. */
  isLenient = false;
  readonly #log: string[] = [];

  constructor(r: string) {
    this.r = r;
  }

  take(push: ServerMessage): void {
    const { evt, rev = 0, body, meta } = push;
    this.#log.push(JSON.stringify(push));
    if (typeof meta?.view === 'string') this.view = meta.view;
    if (evt === 'failed' || evt === 'deleted') {
      this.ended = push;
      return;
    }
    if (evt === 'snapshot') {
      const { _r, _rev, ...data } = body as JsonObject;
      this.data = data;
      this.rev = rev;
      return;
    }
    if (evt !== 'updated') throw new Error(`what is ${evt}? ${this.describe()}`);
    if (rev <= this.rev) {
      if (this.isLenient) return;
      throw new Error(`${rev} came after ${this.rev}: ${this.describe()}`);
    }
    if (Number(meta?.prev ?? rev - 1) > this.rev)
      throw new Error(`between ${this.rev} and ${rev} one is missing: ${this.describe()}`);
    this.data = applyDelta(this.data, body as Delta);
    this.rev = rev;
  }

  describe(): string {
    return `${this.r} at ${this.rev}\n  ${this.#log.join('\n  ')}`;
  }
}

/** A collection whose creations somebody hears of. */
export class AttendedCollection {
  readonly room: string;
  readonly r: string;
  readonly heard = new Set<string>();
  /** It hears of everything that was created after this position. */
  since: number;
  pos: string | undefined;
  ended: ServerMessage | undefined;

  constructor(room: string, r: string, since: number) {
    this.room = room;
    this.r = r;
    this.since = since;
  }

  take(push: ServerMessage): void {
    if (push.evt === 'failed') {
      this.ended = push;
      return;
    }
    if (push.evt !== 'created') throw new Error(`what is ${push.evt} of ${this.r}?`);
    this.heard.add(String(push.body._r));
    this.pos = String(push.meta?.pos);
  }
}
