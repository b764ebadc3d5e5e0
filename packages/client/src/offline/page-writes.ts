import { ReallyError } from '../really-error.js';
import type { ClientWrite } from '../writes/client-write.js';
import type { KeptQueue } from '../writes/write-keeper.js';
import type { RecordedEnding, WriteRecord } from './write-record.js';

/** The writes of this page's queue, as other pages and the storage know them: by records and ids. */
export class PageWrites {
  readonly #queue: KeptQueue;

  constructor(queue: KeptQueue) {
    this.#queue = queue;
  }

  /**
   * A write of another page, or what that page has done with one that is known. `earlier`: ids of those
   * that come before it on the device.
   */
  adopt(
    uid: string,
    { id, commands, isBatch, createdAt, ...record }: WriteRecord,
    earlier: ReadonlySet<string>,
  ): void {
    const queue = this.#queue;
    if (!queue.takesOf(uid)) return;
    const known = this.#find(id);
    const write = known ?? queue.make({ id, commands, isBatch, options: {}, createdAt });
    write.isKept = true;
    // The page that sends may have done so by now.
    write.isInDoubt = true;
    if (write.state !== 'queued') return;
    for (const [r, rev, epoch, fields] of record.seen) {
      write.seen.set(r, { rev, epoch, known: new Map(fields) });
    }
    if (record.sentAt !== undefined && write.firstSentAt === undefined) {
      write.request = record.request;
      const age = queue.platform.now() - record.sentAt;
      // A clock that was set back says nothing.
      const at = age < 0 ? Number.NEGATIVE_INFINITY : queue.clock.read() - age;
      write.apply({ event: 'send', at });
      write.apply({ event: 'lose' });
    }
    if (!known) queue.wait(write, this.#behind(createdAt, earlier));
  }

  /** What waits already and comes after a write of that time: the first that is younger, and what follows it. */
  #behind(createdAt: number, earlier: ReadonlySet<string>): ClientWrite[] {
    const waiting = [...this.#queue.waiting];
    const first = waiting.findIndex(
      (write) => !write.request && write.createdAt > createdAt && !earlier.has(write.id),
    );
    if (first < 0) return [];
    // What was sent stays before it, unless it has to follow one that was not.
    return waiting.slice(first).filter(({ request, blockers }) => !request || blockers.size > 0);
  }

  /** The page that sends it, or an earlier one, knows how it ended. */
  settle(id: string, ending: RecordedEnding): void {
    const write = this.#find(id);
    if (!write) return;
    write.isKept = false;
    if (ending.state === 'committed') {
      write.apply({ event: 'send', at: this.#queue.clock.read() });
      this.#queue.end(write, ending);
    } else {
      const { state, error } = ending;
      this.#queue.end(write, { state, error: new ReallyError(error) });
    }
  }

  /** It cannot be kept: no other page knows of it, and this one sends it whenever it can. */
  letGo(write: ClientWrite): void {
    write.isKept = false;
    write.isInDoubt = false;
    this.#queue.sendAll();
  }

  /** This page sends what is kept: nobody else has sent what is not marked as sent. */
  takeOver(): void {
    for (const write of this.#queue.waiting) {
      if (write.firstSentAt === undefined) write.isInDoubt = false;
    }
    this.#queue.sendAll();
  }

  #find(id: string): ClientWrite | undefined {
    return [...this.#queue.waiting].find((write) => write.id === id);
  }
}
