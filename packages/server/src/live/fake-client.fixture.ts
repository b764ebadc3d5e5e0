import { type Auth, applyDelta, type Delta, type JsonObject, topField } from '@really/protocol';
import { FakeConnection, numberOf, type ReceivedPush } from './live.fixture.js';

/** A client's copy of an object. */
export interface ClientCopy {
  rev: number;
  data: JsonObject;
  /** The fields that it is subscribed to; `undefined`: all. */
  readonly fields: readonly string[] | undefined;
  /** The view of its last push. */
  view: string | undefined;
}

/** A client that follows the protocol, and detects violations by the server. */
export class FakeClient {
  readonly uid: string;
  connection: FakeConnection;
  /** The objects it is subscribed to, with the fields. */
  readonly subscribed = new Map<string, readonly string[] | undefined>();
  readonly copies = new Map<string, ClientCopy>();
  /** State of its subscription to `/users`: the last position, and every creation received. */
  listening = false;
  pos: string | undefined;
  readonly created: string[] = [];
  /** Objects that existed when it subscribed to `/users`. */
  earlier: ReadonlySet<string> = new Set();
  /** The current view by object. */
  readonly views = new Map<string, string>();

  /** The last earlier revision that changed any of these fields, if the test knows it. */
  previous: (r: string, rev: number, fields: readonly string[] | undefined) => number | undefined =
    () => undefined;

  constructor(auth: Auth) {
    this.uid = auth.uid;
    this.connection = new FakeConnection(auth);
  }

  /** Applies all pushes. Throws if the server violated the protocol. */
  receive(): void {
    for (const push of this.connection.receivedRaw()) this.#apply(push);
  }

  /** The cursor to subscribe with, if its copy has these fields. */
  cursorOf(
    r: string,
    fields: readonly string[] | undefined,
  ): Pick<ClientCopy, 'rev' | 'view'> | undefined {
    const copy = this.copies.get(r);
    return copy && String(copy.fields) === String(fields) ? copy : undefined;
  }

  #apply(push: ReceivedPush): void {
    if (push.evt === 'created') {
      this.#create(push);
      return;
    }
    if (!this.subscribed.has(push.r)) throw broken('is not subscribed', push);
    if (push.meta?.view !== undefined) this.views.set(push.r, push.meta.view);
    switch (push.evt) {
      case 'snapshot':
        this.#replace(push);
        return;
      case 'updated':
        this.#update(push);
        return;
      case 'deleted':
        this.copies.delete(push.r);
        this.subscribed.delete(push.r);
        return;
      case 'failed':
        this.subscribed.delete(push.r);
        return;
      default:
        throw broken('is unknown', push);
    }
  }

  #create({ r, meta, body }: ReceivedPush): void {
    const id = String(body?._r);
    if (!this.listening || r !== '/users/*')
      throw broken('is not subscribed', { evt: 'created', r });
    if (Number(numberOf(meta?.pos ?? '')) <= Number(numberOf(this.pos ?? '-1')))
      throw broken(`order: ${this.pos}`, { evt: id, r });
    this.pos = meta?.pos;
    this.created.push(id);
  }

  #replace(push: ReceivedPush): void {
    const { r, rev = 0, body = {} } = push;
    const { _r, _rev, ...data } = body;
    const before = this.copies.get(r)?.rev ?? 0;
    if (rev < before || _r !== r || _rev !== rev) throw broken(`stands at ${before}`, push);
    if (push.meta?.view === undefined) throw broken('has no view', push);
    this.copies.set(r, { rev, data, fields: this.subscribed.get(r), view: push.meta.view });
  }

  #update(push: ReceivedPush): void {
    const { r, rev = 0, meta, body = {} } = push;
    const copy = this.copies.get(r);
    if (!copy) throw broken('has no copy', push);
    const { prev = rev - 1 } = meta ?? {};
    if (rev <= copy.rev || prev > copy.rev || prev >= rev)
      throw broken(`stands at ${copy.rev}`, push);
    if (Object.keys(body).length === 0) throw broken('is empty', push);
    const beyond = Object.keys(body).filter(
      (key) => !(copy.fields?.includes(topField(key)) ?? true),
    );
    if (beyond.length > 0) throw broken(`nobody asked for ${beyond}`, push);
    const exact = this.previous(r, rev, copy.fields) ?? prev;
    if (prev !== exact) throw broken(`prev should be ${exact}`, push);
    copy.rev = rev;
    copy.view = this.views.get(r);
    copy.data = applyDelta(copy.data, body as unknown as Delta);
  }
}

function broken(why: string, push: ReceivedPush): Error {
  return new Error(`promise broken: ${why}: ${JSON.stringify(push)}`);
}
