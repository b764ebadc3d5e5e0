import { type Auth, applyDelta, type Delta, type JsonObject, topField } from '@really/protocol';
import { FakeConnection, numberOf, type ReceivedPush } from './live.fixture.js';

/** The fields of the model of `/users`, in its order. */
export const userFields = ['a', 'b', 'list', 'secret', 'open', 'blocked'];

/** A client's copy of an object. */
export interface ClientCopy {
  rev: number;
  data: JsonObject;
  /**
   * The fields that it has: those of its last snapshot, without those that it unsubscribed from
   * since; `undefined`: all. After it asked for more, it has them only with the next snapshot.
   */
  readonly fields: Fields;
  /** The view of its last push. */
  view: string | undefined;
}

/** `undefined`: all. */
type Fields = readonly string[] | undefined;

/** A client that follows the protocol, and detects violations by the server. */
export class FakeClient {
  readonly uid: string;
  connection: FakeConnection;
  /** The objects it is subscribed to, with the fields. */
  readonly subscribed = new Map<string, Fields>();
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
  previous: (r: string, rev: number, fields: Fields) => number | undefined = () => undefined;

  constructor(auth: Auth) {
    this.uid = auth.uid;
    this.connection = new FakeConnection(auth);
  }

  /** Applies all pushes. Throws if the server violated the protocol. */
  receive(): void {
    for (const push of this.connection.receivedRaw()) this.#apply(push);
  }

  /** The cursor to subscribe with, if its copy has these fields. */
  cursorOf(r: string, fields: Fields): Pick<ClientCopy, 'rev' | 'view'> | undefined {
    const copy = this.copies.get(r);
    return copy && String(copy.fields) === String(fields) ? copy : undefined;
  }

  /** A subscription to an object was made, from this revision of its copy. */
  began(r: string, { wanted, rev }: { wanted: Fields; rev: number | undefined }): void {
    if (rev === undefined) this.copies.delete(r);
    this.subscribed.set(r, wanted);
  }

  /** The one that it has got more fields. */
  widened(r: string, wanted: Fields): void {
    const before = this.subscribed.get(r);
    const isIn = (name: string) => before?.includes(name) || wanted?.includes(name);
    this.subscribed.set(r, before && wanted && userFields.filter(isIn));
  }

  /** It has only these left. */
  narrowed(r: string, remaining: readonly string[]): void {
    this.subscribed.set(r, remaining);
    const copy = this.copies.get(r);
    const kept = (copy?.fields ?? userFields).filter((name) => remaining.includes(name));
    if (copy) this.copies.set(r, { ...copy, fields: kept });
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
