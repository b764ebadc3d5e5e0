import type { LiveSnapshot } from './live/live-snapshot.js';
import { LiveCopy } from './live-copy.js';
import { type LivePort, type LiveSource, liveFor } from './live-port.js';
import { loadLive } from './load-live.js';
import { Observable } from './observable.js';
import type { PartContext } from './part-context.js';
import { clientError } from './really-error.js';
import { checkQuery, type ListQuery } from './requests/list-query.js';

/** The live copies of a client. They wait for the part that keeps them up to date, which may have to be loaded. */
export class LiveCopies {
  /** Once there was a copy, and the part is loaded. */
  part: LivePort | undefined;
  readonly #context: () => PartContext;
  readonly #waiting = new Set<AwaitedSource>();
  #isLoading = false;
  #isWarned = false;
  #isClosed = false;

  /** `context`: called once the client is made. */
  constructor(context: () => PartContext) {
    this.#context = context;
  }

  open(r: string, query: ListQuery | undefined): LiveCopy<unknown, unknown> {
    if (query) checkQuery(query);
    const part = this.#begin();
    if (part) {
      const { source, release } = part.hold(r, query);
      return new LiveCopy(source, release);
    }
    const source = new AwaitedSource(r, query);
    if (this.#isClosed) source.fail();
    else {
      this.#waiting.add(source);
      void this.#load();
    }
    return new LiveCopy(source, () => {
      this.#waiting.delete(source);
      source.release();
    });
  }

  up(isResumed: boolean): void {
    this.part?.up(isResumed);
    if (this.#waiting.size > 0) void this.#load();
  }

  close(): void {
    this.#isClosed = true;
    this.part?.close();
    for (const source of this.#waiting) source.fail();
    this.#waiting.clear();
  }

  async #load(): Promise<void> {
    if (this.#isLoading) return;
    this.#isLoading = true;
    try {
      await loadLive();
    } catch (error) {
      const { platform } = this.#context();
      if (!this.#isWarned && !this.#isClosed) {
        platform.warn(`really: live copies wait: ${error}: import the entry @really/client/live`);
      }
      this.#isWarned = true;
    }
    this.#isLoading = false;
    this.#begin();
  }

  /** What waits for the part gets it, if it is there. */
  #begin(): LivePort | undefined {
    if (!this.#isClosed) this.part ??= liveFor(this.#context());
    const { part } = this;
    for (const source of part ? this.#waiting : []) {
      this.#waiting.delete(source);
      source.begin(part as LivePort);
    }
    return part;
  }
}

const loading: LiveSnapshot<never> = {
  status: 'loading',
  value: undefined,
  stale: true,
  pending: false,
  error: undefined,
};

/** In place of a source until the part is there, and then what passes on what that says. */
class AwaitedSource implements LiveSource<unknown, unknown> {
  readonly changes = new Observable<[unknown]>();
  release = (): void => {};
  readonly #r: string;
  readonly #query: ListQuery | undefined;
  #snapshot: () => LiveSnapshot<unknown> = () => loading;

  constructor(r: string, query: ListQuery | undefined) {
    this.#r = r;
    this.#query = query;
  }

  getSnapshot(): LiveSnapshot<unknown> {
    return this.#snapshot();
  }

  begin(part: LivePort): void {
    const { source, release } = part.hold(this.#r, this.#query);
    const end = source.changes.subscribe((change) => this.changes.emit(change));
    this.release = () => {
      end();
      release();
    };
    const first = source.getSnapshot();
    const isSame = first.status === 'loading' && !first.pending;
    this.#snapshot = () => {
      const snapshot = source.getSnapshot();
      return isSame && snapshot === first ? loading : snapshot;
    };
    // Writes were made meanwhile.
    if (!isSame) this.changes.emit({ kind: 'local' });
  }

  /** The client was closed before. */
  fail(): void {
    const error = clientError('connection.closed');
    const failed: LiveSnapshot<never> = { ...loading, status: 'failed', error };
    this.#snapshot = () => failed;
    this.changes.emit({ kind: 'status' });
  }
}
