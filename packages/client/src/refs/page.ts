import type { JsonObject } from '@really/protocol/client';
import { type ListQuery, readOptions } from '../requests/list-query.js';
import type { RequestOptions } from '../requests/reads.js';
import type { RefContext } from './ref-context.js';

export interface ReadQuery<Field extends string = string> extends ListQuery<Field>, RequestOptions {
  /** Leaves out so many. */
  readonly skip?: number | undefined;
  /** Adds `total`. */
  readonly includeTotalCount?: boolean | undefined;
}

/** Items of a read. */
export interface Page<Read> {
  readonly items: readonly Read[];
  /** Of everything that the read finds, where it was asked for. */
  readonly total: number | undefined;
  /** The items after these; none after the last page. */
  next(options?: RequestOptions): Promise<Page<Read>>;
  /** The items before these: before the first page, what is newer. */
  previous(options?: RequestOptions): Promise<Page<Read>>;
}

export async function readPage<Read>(
  context: RefContext,
  r: string,
  options: ReadQuery,
): Promise<Page<Read>> {
  const { signal, timeout, queue, skip, includeTotalCount, ...query } = options;
  const cmdOpts = { ...readOptions(query), skip, includeTotalCount };
  return await pageAt<Read>(context, r, cmdOpts, { signal, timeout, queue });
}

async function pageAt<Read>(
  context: RefContext,
  r: string,
  cmdOpts: Readonly<Record<string, unknown>>,
  options: RequestOptions,
): Promise<Page<Read>> {
  const { body = {} } = await context.read({ cmd: 'read', r, cmdOpts }, options);
  const items = (body.items as { body: JsonObject }[]).map((item) => item.body as Read);
  const tokens = body.tokens as { nextToken: string; prevToken: string } | undefined;
  const total = body.totalResults as number | undefined;
  // Beyond the end there is no place to go on from.
  const empty: Page<Read> = {
    items: [],
    total,
    next: async () => empty,
    previous: async () => page,
  };
  const go = async (paginationToken: string | undefined, then: RequestOptions = options) =>
    paginationToken === undefined
      ? empty
      : await pageAt<Read>(context, r, { ...cmdOpts, paginationToken }, then);
  const page: Page<Read> = {
    items,
    total,
    next: (then) => go(tokens?.nextToken, then),
    previous: (then) => go(tokens?.prevToken, then),
  };
  return page;
}
