import type { Auth, JsonObject } from '@really/protocol';
import { type ModelFiles, type TestApp, testApp } from '../commands/test-app.fixture.js';
import type { PushTarget } from '../live/push-target.js';
import type { Limits, Rates } from '../platform/limits.js';
import { roomTick } from './room.js';

/** Boards that everybody may see, and some with rules. */
export const roomModels: ModelFiles = {
  boards: `version: 1
fields:
  title: { type: String }
  readers: { type: List, items: String }
  editors: { type: List, items: String }
access:
  create: true
  read: obj.readers == undefined || obj.readers.includes(auth.uid)
  update: true
  delete: true
  present: obj.editors == undefined || obj.editors.includes(auth.uid)
  send: obj.editors == undefined || obj.editors.includes(auth.uid)
`,
  vaults: `version: 1
fields: { owner: { type: String } }
access: { hidden: true, create: true, read: obj.owner == auth.uid, delete: true }
`,
  projects: `version: 1
fields: { title: { type: String } }
access: { create: true, read: true, update: true, delete: true }
`,
  'projects/members': `version: 1
fields: { role: { type: String } }
access: { create: true, read: true, update: true, delete: true }
`,
  'projects/rooms': `version: 1
fields: { title: { type: String } }
lookups: { membership: '/projects/{ids.projects}/members/{auth.uid}' }
access:
  create: true
  read: membership != null
  present: membership?.role == "editor"
`,
  games: `version: 1
fields: { title: { type: String } }
access: { create: true, read: true, update: true, delete: true }
presence:
  x: { type: Long, validation: value >= 0 }
  name: { type: String, required: true }
  color: { type: String, default: '"red"' }
events:
  move: { to: { type: Long, required: true } }
  nod: {}
`,
};

/** A socket of a test: it takes pushes of rooms, unless it is slow. */
export class RoomSocket implements PushTarget {
  auth: Auth;
  readonly address = undefined;
  readonly congested = false;
  readonly pushes: JsonObject[] = [];
  isSlow = false;
  isWatched = false;

  constructor(auth: Auth) {
    this.auth = auth;
  }

  push(): void {}

  pushEphemeral(frame: { readonly text: string }, isLast = false): boolean {
    if (this.isSlow && !isLast) return false;
    this.pushes.push(JSON.parse(frame.text) as JsonObject);
    return true;
  }

  watchLife(isWatched: boolean): void {
    this.isWatched = isWatched;
  }

  /** What came since the last call. */
  take(): JsonObject[] {
    return this.pushes.splice(0);
  }
}

export interface RoomsApp extends TestApp {
  socket(uid: string, more?: Partial<Auth>): RoomSocket;
  request(socket: RoomSocket, message: JsonObject): Promise<JsonObject>;
  join(socket: RoomSocket, r: string, state?: JsonObject): Promise<JsonObject>;
  /** Lets a tick of the rooms pass. */
  tick(): Promise<void>;
  /** A write by somebody else. */
  write(message: JsonObject): Promise<void>;
}

export async function roomsApp(
  options: {
    readonly models?: ModelFiles;
    readonly limits?: Partial<Limits>;
    readonly rates?: Partial<Rates>;
  } = {},
): Promise<RoomsApp> {
  const app = await testApp({ models: roomModels, publicData: ['nick'], ...options });
  const { rooms } = app.services;
  const request = (socket: RoomSocket, message: JsonObject) => app.sendFrom(socket, message);
  return {
    ...app,
    socket: (uid, more) => new RoomSocket({ uid, ...more }),
    request,
    join: (socket, r, state) =>
      request(socket, { cmd: 'join', r, body: state === undefined ? {} : { state } }),
    async tick() {
      app.platform.advance(roomTick);
      await rooms.settled();
    },
    async write(message) {
      const answer = await app.send({ uid: 'writer' }, message);
      if (answer.error) throw new Error(JSON.stringify(answer));
      await app.publishedChanges();
      await rooms.settled();
    },
  };
}

/** The ids of members in a push or a response. */
export function idsOf(members: unknown): string[] {
  return (members as { id: string }[]).map(({ id }) => id);
}

export function bodyOf(message: JsonObject | undefined): JsonObject {
  return (message?.body ?? {}) as JsonObject;
}
