import { openSocket } from '../clients/open-socket.js';
import type { RawSocket } from '../clients/raw-socket.js';
import { processorTime } from '../targets/processor-time.js';
import type { TargetServer } from '../targets/target.js';

/** The tasks may be read by the members of their room, the notes by everybody. */
export type RoomCollection = 'tasks' | 'notes';

/** Models of a room with members, for `startTarget`. */
export const roomModels: Readonly<Record<string, string>> = {
  rooms: modelOf('true'),
  'rooms/members': modelOf('true'),
  'rooms/notes': modelOf('true'),
  'rooms/tasks': modelOf(
    'membership?.n > 0',
    'lookups: { membership: "/rooms/{ids.rooms}/members/{auth.uid}" }\n',
  ),
};

function modelOf(read: string, lookups = ''): string {
  const rights = `{ create: true, read: '${read}', update: true, delete: true }`;
  return `version: 1\nfields: { n: { type: Long, default: 0 } }\n${lookups}access: ${rights}\n`;
}

const ofMember = 'lookups: { own: "/halls/{ids.halls}/members/{auth.uid}" }\n';
/** Halls of which readers see those that they are members of; and lobbies, which everybody sees. */
export const hallModels: Readonly<Record<string, string>> = {
  halls: modelOf('own?.n > 0', ofMember),
  'halls/members': modelOf('true'),
  'halls/tasks': modelOf('own?.n > 0', ofMember),
  lobbies: modelOf('true'),
  'lobbies/tasks': modelOf('true'),
};

/** So many halls, a few of them the reader's, beside as many lobbies as those. */
export class BenchHalls {
  readonly #target: TargetServer;
  readonly #reader: RawSocket;
  readonly #mine: number;

  private constructor(target: TargetServer, reader: RawSocket, mine: number) {
    this.#target = target;
    this.#reader = reader;
    this.#mine = mine;
  }

  static async begin(
    target: TargetServer,
    { halls, mine }: { readonly halls: number; readonly mine: number },
  ): Promise<BenchHalls> {
    const reader = await openSocket(target, 'reader');
    const create = (r: string) =>
      reader.request({ tag: 2, cmd: 'create', r, body: { n: 1 } } as { tag: number });
    for (let n = 0; n < halls; n++) {
      const isMine = n % (halls / mine) === 0;
      const hall = `/halls/${n}`;
      const rs = [hall, `${hall}/tasks/1`, `${hall}/members/${isMine ? 'reader' : 'other'}`];
      if (isMine) rs.push(`/lobbies/${n}`, `/lobbies/${n}/tasks/1`);
      for (const r of rs) await create(r);
    }
    return new BenchHalls(target, reader, mine);
  }

  /** Microseconds of the server's processors for a read of all that the reader may see. */
  async read(r: string, reads: number): Promise<number> {
    const begun = processorTime(this.#target.pid);
    for (let n = 0; n < reads; n++) {
      const message = { tag: 3, cmd: 'read', r, cmdOpts: { limit: 1000 } };
      const { error, body } = await this.#reader.request(message);
      const found = (body as { items?: unknown[] } | undefined)?.items?.length;
      if (found !== this.#mine) throw new Error(JSON.stringify({ r, found, error }));
    }
    return (processorTime(this.#target.pid) - begun) / reads;
  }

  close(): void {
    this.#reader.close();
  }
}

const room = '/rooms/1';

/** A room with objects and with members who watch them. */
export class BenchRoom {
  readonly #target: TargetServer;
  readonly #writer: RawSocket;
  readonly #members: readonly RawSocket[];
  readonly #collection: RoomCollection;
  #received = 0;
  #tag = 100;

  private constructor(
    target: TargetServer,
    writer: RawSocket,
    members: readonly RawSocket[],
    collection: RoomCollection,
  ) {
    this.#target = target;
    this.#writer = writer;
    this.#members = members;
    this.#collection = collection;
  }

  static async begin(
    target: TargetServer,
    collection: RoomCollection,
    { members, objects }: { readonly members: number; readonly objects: number },
  ): Promise<BenchRoom> {
    const writer = await openSocket(target, 'member-0');
    const create = (r: string, n: number) =>
      writer.request({ tag: 2, cmd: 'create', r, body: { n } } as { tag: number });
    await create(room, 0);
    for (let n = 0; n < Math.max(1, members); n++) await create(`${room}/members/member-${n}`, 1);
    for (let n = 0; n < objects; n++) await create(`${room}/${collection}/${n}`, n);
    const sockets: RawSocket[] = [];
    const begun = new BenchRoom(target, writer, sockets, collection);
    const watch = {
      ...{ tag: 3, cmd: 'read', r: `${room}/${collection}` },
      cmdOpts: { subscribe: true, limit: 10 },
    };
    for (let n = 0; n < members; n++) {
      const socket = await openSocket(target, `member-${n}`);
      const { error } = await socket.request(watch);
      if (error) throw new Error(JSON.stringify(error));
      socket.onFrames = (count) => {
        begun.#received += count;
      };
      sockets.push(socket);
    }
    return begun;
  }

  /** Microseconds of the server's processors for a write that every member receives. */
  async write(writes: number): Promise<number> {
    this.#received = 0;
    const begun = processorTime(this.#target.pid);
    for (let n = 0; n < writes; n++) {
      await this.#add(`${room}/${this.#collection}/0`, 1);
      await until(() => this.#received >= (n + 1) * this.#members.length);
    }
    return (processorTime(this.#target.pid) - begun) / writes;
  }

  /** Microseconds for reading all objects. */
  async read(reads: number): Promise<number> {
    const begun = processorTime(this.#target.pid);
    const cmdOpts = { limit: 1000 };
    for (let n = 0; n < reads; n++) {
      const tag = this.#tag++;
      const message = { tag, cmd: 'read', r: `${room}/${this.#collection}`, cmdOpts };
      const { error } = await this.#writer.request(message);
      if (error) throw new Error(JSON.stringify(error));
    }
    return (processorTime(this.#target.pid) - begun) / reads;
  }

  /** Microseconds for taking a membership away, and giving it back; only its member receives it. */
  async revoke(times: number): Promise<number> {
    const begun = processorTime(this.#target.pid);
    this.#received = 0;
    for (let n = 0; n < times; n++) {
      const before = this.#received;
      await this.#add(`${room}/members/member-1`, n % 2 === 0 ? -1 : 1);
      if (this.#collection === 'tasks') await until(() => this.#received > before);
    }
    return (processorTime(this.#target.pid) - begun) / times;
  }

  close(): void {
    for (const socket of [this.#writer, ...this.#members]) socket.close();
  }

  async #add(r: string, value: number): Promise<void> {
    const ops = [{ op: 'addNumber', key: 'n', value }];
    const tag = this.#tag++;
    const { error } = await this.#writer.request({
      tag,
      cmd: 'update',
      r,
      rev: 1,
      body: { ops },
    } as {
      tag: number;
    });
    if (error) throw new Error(JSON.stringify(error));
  }
}

async function until(isDone: () => boolean): Promise<void> {
  while (!isDone()) await new Promise((resolve) => setImmediate(resolve));
}
