import {
  defaultHistoryLimit,
  fail,
  type HistoryBody,
  type HistoryEntry,
  type HistoryRequest,
  type JsonObject,
} from '@really/protocol';
import { authorshipMeta } from '../../live/push/authorship.js';
import { visibleDelta } from '../../live/push/visibility.js';
import { isLastSeen, refuseAbsent } from '../../model/deleted.js';
import type { Model } from '../../model/model.js';
import { pushView, visibleBody } from '../../model/view/view.js';
import { estimateBytes, estimateChangeBytes } from '../../objects/estimate-bytes.js';
import { judgedAsNewest } from '../../objects/judged-again.js';
import { storeFailure } from '../../objects/unavailable.js';
import { pageBytes } from '../../platform/limits.js';
import { Slice } from '../../platform/scheduling/slices.js';
import { ownerOf } from '../../queries/owner.js';
import { QueryTimeBudget } from '../../queries/query-time-budget.js';
import type { History } from '../../store/store-reads.js';
import type { Change, StoredObject } from '../../store/stored-object.js';
import { auditRead } from '../admin-audit.js';
import { lookupsSettled } from '../existing-object.js';
import { requestModel } from '../request-model.js';
import { type CommandContext, chargeFor, type Handler, requesterOf } from '../services.js';

/** Revisions of the first page and of later ones: they may be large, and need not all fit. */
const firstPage = 8;
const pageSize = 32;

/** Revisions that one command looks through, where most of them changed only hidden fields. */
const maxVisited = 2000;

/**
 * Rule ADM2: the revisions of an object as a replay would push them now, newest first. It waits for
 * a slot as a query does, and has a query's time.
 */
export const history: Handler<HistoryRequest> = async (context, request) => {
  const { r, names } = request.target;
  const model = requestModel(context, names);
  return await context.services.queryLimiter.run(requesterOf(context), async () => {
    try {
      const body = await new HistoryPage(context, model, request).read();
      return { body: { r, body: body as unknown as JsonObject } };
    } catch (error) {
      throw storeFailure(error);
    }
  });
};

class HistoryPage {
  readonly #context: CommandContext;
  readonly #model: Model;
  readonly #request: HistoryRequest;
  readonly #r: string;
  readonly #time: QueryTimeBudget;
  readonly #slice: Slice;
  /** Of the first page of revisions: the later ones are older, so these rights apply to them too. */
  #hidden: readonly string[] | undefined;

  constructor(context: CommandContext, model: Model, request: HistoryRequest) {
    const { services } = context;
    this.#request = request;
    this.#context = context;
    this.#model = model;
    this.#r = request.target.r;
    this.#time = new QueryTimeBudget(services, ownerOf(requesterOf(context)));
    this.#slice = new Slice(services.platform.clock);
  }

  async read(): Promise<HistoryBody> {
    const { services } = this.#context;
    const { before = Number.POSITIVE_INFINITY, limit = defaultHistoryLimit } =
      this.#request.cmdOpts;
    const head = await services.objects.head(this.#r);
    await lookupsSettled(this.#context, [this.#model]);
    if (!head || head.deleted) return await this.#absent(head);
    const entries: HistoryEntry[] = [];
    let left = pageBytes(services.limits);
    let end = Math.min(head.rev, before - 1);
    let size = firstPage;
    for (let visited = 0; ; ) {
      // One more shows whether there are more.
      const page = await this.#pageUpTo(end, Math.min(size, limit - entries.length + 1));
      size = Math.min(2 * size, pageSize);
      // Deleted meanwhile: what is read already was there when it was.
      if (page.object?.deleted && entries.length === 0) return await this.#absent(page.object);
      const hidden = await this.#hiddenFields(page.object);
      for (const change of page.entries.toReversed()) {
        if (change.modelVersion !== this.#model.version) return { entries };
        const entry = entryOf(change, hidden);
        left -= entry ? estimateBytes(entry as unknown as JsonObject) : 0;
        if (entries.length === limit || (left < 0 && entries.length > 0)) {
          return { entries, next: change.rev + 1 };
        }
        if (entry) entries.push(entry);
        // What is sent is charged with the response.
        else await chargeFor(this.#context, estimateChangeBytes({ change }));
        visited += 1;
      }
      end -= page.entries.length;
      if (page.entries.length === 0 || end === 0) return { entries };
      if (visited >= maxVisited) return { entries, next: end + 1 };
    }
  }

  /** The revisions up to `end`, ascending, as far as they are kept and a page reaches. */
  async #pageUpTo(end: number, size: number): Promise<History> {
    let lowest = Math.max(0, end - size);
    let page = await this.#between(lowest, end);
    if (page.complete) return page;
    // The oldest kept revision is in here: the search ends at the first one after which all are.
    for (let highest = end; lowest < highest; ) {
      const middle = (lowest + highest) >> 1;
      const part = await this.#between(middle, end);
      if (part.complete) highest = middle;
      else lowest = middle + 1;
      page = part.complete ? part : page;
    }
    return page;
  }

  /** In several reads where they are large. */
  async #between(after: number, end: number): Promise<History> {
    const { store } = this.#context.services;
    const entries: Change[] = [];
    for (;;) {
      if (this.#slice.isOver) await this.#slice.rest();
      const at = after + entries.length;
      const page = await store.history(this.#r, at, end - at, this.#time.patience);
      if (!page.complete) return page;
      entries.push(...page.entries);
      if (page.entries.length === 0 || after + entries.length >= end) return { ...page, entries };
    }
  }

  async #hiddenFields(object: StoredObject | undefined): Promise<readonly string[]> {
    if (this.#hidden) return this.#hidden;
    if (!object) throw fail('object.missing');
    await lookupsSettled(this.#context, [this.#model]);
    const view = await judgedAsNewest(this.#context.services.objects, object, (now) =>
      // Of what was deleted meanwhile, the last revision decides.
      pushView(this.#model, now.deleted ? object : now, this.#context.auth),
    );
    if (view.kind === 'refused') throw view.error;
    this.#hidden = view.hidden;
    const shown = { model: this.#model, object, fields: undefined };
    await auditRead(this.#context, this.#request, [shown]);
    return view.hidden;
  }

  /** Rule DEL5: the deletion, for those who may know of it. Throws for the others. */
  async #absent(tombstone: StoredObject | undefined): Promise<HistoryBody> {
    const model = this.#model;
    const { auth } = this.#context;
    const { read, subscribe } = model.access;
    const isTold = tombstone && (await isLastSeen(model, tombstone, auth, [read, subscribe]));
    if (!isTold) return await refuseAbsent(model, { tombstone, r: this.#r }, auth);
    const { rev } = tombstone;
    const { before = Number.POSITIVE_INFINITY } = this.#request.cmdOpts;
    if (rev >= before) return { entries: [] };
    const { entries } = await this.#between(rev - 1, rev);
    const [deletion] = entries;
    return { entries: [{ rev, evt: 'deleted', ...(deletion && authorshipMeta(deletion)) }] };
  }
}

/** `undefined` where the change shows nothing to this reader. */
function entryOf(change: Change, hidden: readonly string[]): HistoryEntry | undefined {
  const { r, rev, created, delta } = change;
  const meta = authorshipMeta(change);
  if (created) {
    const object = { ...change, data: created, touched: {}, deleted: false };
    return { rev, evt: 'created', ...meta, body: visibleBody({ ...object, r }, undefined, hidden) };
  }
  const body = visibleDelta(delta, { fields: undefined, hidden });
  return body && { rev, evt: 'updated', ...meta, body };
}
