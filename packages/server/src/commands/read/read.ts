import {
  defaultReadLimit,
  fail,
  type JsonObject,
  type ReadRequest,
  type SortPosition,
  sortKeysOf,
} from '@really/protocol';
import type { Model, ModelSet } from '../../model/model.js';
import { groupKeyOf, mayHide, viewReads, visibleBody } from '../../model/view/view.js';
import { storeFailure, unavailable } from '../../objects/unavailable.js';
import { pageBytes, readBytes } from '../../platform/limits.js';
import { ChangesSincePaging } from '../../queries/changes-since-paging.js';
import { filterOf, isKnownPath } from '../../queries/filter.js';
import { ownerOf } from '../../queries/owner.js';
import {
  type PageQuery,
  type PageStart,
  type PageToken,
  PageTokenizer,
} from '../../queries/page-tokenizer.js';
import { type Hit, Search } from '../../queries/search.js';
import { stablePage, startOf } from '../../queries/stable-page.js';
import { isByIds, sortFields } from '../../store/order.js';
import type { Order, Scope } from '../../store/store-reads.js';
import type { Pos } from '../../store/stored-object.js';
import { auditCount, auditRead, auditSubscribe } from '../admin-audit.js';
import { requestedFields, requestModel, visibleFieldNames } from '../request-model.js';
import {
  type CommandContext,
  type Handler,
  pushTargetOf,
  type Reply,
  requesterOf,
} from '../services.js';
import { dereference } from './dereference.js';
import { fittingRange } from './fit-page.js';

/** Rules REA1 to REA11. */
export const read: Handler<ReadRequest> = async (context, request) => {
  const { queryLimiter } = context.services;
  // The query may take long to validate, too: that is done once it is its turn.
  const done = await queryLimiter.run(requesterOf(context), async () => {
    const plan = await planRead(context, request);
    if (request.cmdOpts.subscribe) return await withSubscription(plan);
    const page = await pageOf(plan);
    return { plan, page, total: await totalOf(plan) };
  });
  if (!('plan' in done)) return done;
  return { body: await replyBodyOf(done.plan, done.page, done.total) };
};

/** A read that is parsed, and authorized as far as possible before any object is read. */
interface ReadPlan {
  readonly context: CommandContext;
  readonly request: ReadRequest;
  /** The models that were current when it was parsed. */
  readonly models: ModelSet;
  readonly model: Model;
  readonly scope: Scope;
  readonly fields: readonly string[] | undefined;
  readonly pageQuery: PageQuery;
  readonly tokenizer: PageTokenizer;
  readonly token: PageToken | undefined;
  readonly search: Search;
}

async function planRead(context: CommandContext, request: ReadRequest): Promise<ReadPlan> {
  const { r, names, parents } = request.target;
  const { query, paginationToken } = request.cmdOpts;
  const models = context.services.models();
  const model = requestModel(context, names);
  const fields = requestedFields(model, request.cmdOpts.fields);
  const filter = await filterOf(model, query, context.services);
  const order = orderOf(model, request.cmdOpts);
  const scope: Scope = { names, parents };
  const pageQuery: PageQuery = { r, filter, order, viewKey: viewKeyOf(context, model, order) };
  const tokenizer = new PageTokenizer(context.services.pageKey);
  const token =
    paginationToken === undefined ? undefined : tokenizer.read(pageQuery, paginationToken);
  const { services, auth } = context;
  const owner = ownerOf(requesterOf(context));
  const search = new Search({ services, owner, auth, model, scope, filter, order });
  return { context, request, models, model, scope, fields, pageQuery, tokenizer, token, search };
}

/**
 * What has to stay the same on every page: the store whose history gives sort positions and, where
 * pre-get may hide the sort field, what pre-get depends on. Paging by id needs neither.
 */
function viewKeyOf({ auth, services }: CommandContext, model: Model, order: Order): string {
  if (isByIds(order)) return '';
  const epoch = services.store.epoch.id;
  const mayBeHidden = mayHide(model, sortFields(order));
  return mayBeHidden ? `${epoch} ${model.digest} ${groupKeyOf(viewReads(model), auth)}` : epoch;
}

/** Newest id first by default. Throws 409 `query.invalid` for a field that the model does not have. */
export function orderOf(model: Model, { sort, ascending }: ReadRequest['cmdOpts']): Order {
  if (sort === undefined) return { keys: [{ field: '_r', descending: ascending !== true }] };
  const keys = sortKeysOf(sort);
  const unknown = keys.filter(({ field }) => !isKnownPath(model, field.split('.')));
  if (unknown.length === 0) return { keys };
  const details = unknown.map(({ field }) => `the model has no field ${field}`);
  throw fail('query.invalid', { 'cmdOpts.sort': details });
}

/** Items up to which a page does not delay other requests. */
const smallPage = 50;

interface Total {
  readonly totalResults?: number;
}

/** The response with as many items as fit; paging goes on with the token of the last one. */
async function replyBodyOf(
  plan: ReadPlan,
  { hits: found, since }: Page,
  total: Total,
): Promise<JsonObject> {
  const { pageQuery, request, tokenizer, token, context, model, fields } = plan;
  if (found.length > smallPage) await context.services.queryLimiter.exclusiveTurn();
  const all = await itemsOf(plan, found);
  const bytes = pageBytes(context.services.limits);
  const range = fittingRange(all, { back: token?.back === true, bytes });
  const [items, hits] = [all.slice(...range), found.slice(...range)];
  if (request.cmdOpts.subscribe && items.length < all.length) {
    throw fail.invalid('cmdOpts.limit', 'window.too.large');
  }
  const shown = hits.map(({ object }) => ({ model, object, fields }));
  await auditRead(context, request, shown);
  const first = hits[0];
  const last = hits.at(-1);
  const tokens = first &&
    last && { ...tokenizer.tokensOf(pageQuery, { first: first.place, last: last.place, since }) };
  return { r: pageQuery.r, body: { ...(tokens && { tokens }), ...total, items } };
}

interface Page {
  readonly hits: readonly Hit[];
  /** See `PageToken`. */
  readonly since: Pos | undefined;
}

/** `skip` counts from the beginning of the query: an earlier page applied it. */
async function pageOf(plan: ReadPlan): Promise<Page> {
  const { context, request, search, token, pageQuery } = plan;
  const { limit = defaultReadLimit, skip = 0 } = request.cmdOpts;
  const bytes = pageBytes(context.services.limits);
  const options = { limit, skip: token ? 0 : skip, bytes };
  try {
    // Ids never change, so this order is stable.
    if (isByIds(pageQuery.order)) {
      const start = token && { place: { r: token.r, values: [] }, back: token.back };
      return { hits: await search.page({ ...options, start }), since: undefined };
    }
    if (token?.isSameView === false) throw fail('position.gone');
    const { store } = context.services;
    const since = token?.since ?? (await store.position());
    const changesSince = changesIn(plan, since);
    const start = token && (await startIn(plan, token, changesSince));
    return { hits: await stablePage(search, changesSince, { ...options, start }), since };
  } catch (error) {
    throw storeFailure(error);
  }
}

function changesIn(
  { context, scope, model, pageQuery: { order }, search: { time } }: ReadPlan,
  since: Pos,
): ChangesSincePaging {
  const { store, limits } = context.services;
  const whole = mayHide(model, sortFields(order));
  const bytes = readBytes(limits);
  return new ChangesSincePaging({ store, scope, model, order, whole, since, time, bytes });
}

/** The position after which a window begins (rule REA14). */
async function windowStart(plan: ReadPlan, token: PageToken): Promise<SortPosition> {
  if (token.back) throw fail.invalid('cmdOpts.paginationToken', 'expected.nextToken');
  if (isByIds(plan.pageQuery.order)) return { r: token.r, values: [] };
  if (!token.isSameView) throw fail('position.gone');
  const since = token.since ?? (await plan.context.services.store.position());
  return (await startIn(plan, token, changesIn(plan, since))).place;
}

async function startIn(
  { context, search, pageQuery }: ReadPlan,
  token: PageToken,
  changesSince: ChangesSincePaging,
): Promise<PageStart> {
  const load = async (r: string) => (await context.services.objects.heads([r]))[0];
  return await startOf(token, { search, changesSince, order: pageQuery.order, load });
}

async function totalOf({ context, request, model, search }: ReadPlan): Promise<Total> {
  if (request.cmdOpts.includeTotalCount !== true) return {};
  auditCount(context, request, model);
  try {
    return { totalResults: await search.count() };
  } catch (error) {
    throw storeFailure(error);
  }
}

async function itemsOf(
  { context, request, model, fields }: ReadPlan,
  hits: readonly Hit[],
): Promise<JsonObject[]> {
  const plain = hits.map(({ object, hidden }) => visibleBody(object, fields, hidden));
  const bodies = await dereference(context, model, { bodies: plain, command: request });
  return bodies.map((body, index) => {
    const shown = visibleFieldNames(model, fields, hits[index]?.hidden ?? []);
    return { meta: { fields: shown }, body };
  });
}

/**
 * The response is the window that the subscription starts from, so no change falls in between. With
 * `since` the items are omitted: the client already has them. The subscription ends if the read
 * fails.
 */
async function withSubscription(plan: ReadPlan): Promise<Reply> {
  const { context, models, scope, fields, pageQuery, request } = plan;
  const { live } = context.services;
  const { limit = defaultReadLimit, since } = request.cmdOpts;
  const from = plan.token && (await windowStart(plan, plan.token));
  const window = { ...pageQuery, scope, fields, limit, from, since };
  const pushTarget = pushTargetOf(context);
  auditSubscribe(context, [pageQuery.r]);
  const { subscription, view, hits, pos, start } = await live.subscribeQuery(pushTarget, window);
  try {
    const total = await totalOf(plan);
    const replyBody =
      since === undefined
        ? await replyBodyOf(plan, { hits, since: pos }, total)
        : { r: pageQuery.r, body: { ...total } };
    // The response must be of the model that the subscription goes on with.
    if (context.services.models() !== models) throw unavailable();
    const { r, body = {} } = replyBody;
    return {
      body: { r: r ?? pageQuery.r, meta: { subscription, view }, body },
      afterwards: start,
    };
  } catch (error) {
    live.abandonQuery(pushTarget, subscription);
    throw error;
  }
}
