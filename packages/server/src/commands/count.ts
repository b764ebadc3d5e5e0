import type { CountRequest } from '@really/protocol';
import { storeFailure } from '../objects/unavailable.js';
import { filterOf } from './filter.js';
import { modelOf } from './model-of.js';
import { Search } from './search.js';
import type { Handler } from './services.js';

/** Rule CNT1. */
export const count: Handler<CountRequest> = async (context, request) => {
  const { r, names, parents } = request.target;
  const { limits, slots } = context.services;
  const model = modelOf(context, names);
  const filter = filterOf(model, request.cmdOpts.query, limits);
  const order = { field: '_r', descending: true };
  const totalResults = await slots.run(context.auth.uid, async () => {
    try {
      return await new Search({ context, model, scope: { names, parents }, filter, order }).count();
    } catch (error) {
      throw storeFailure(error);
    }
  });
  return { body: { r, body: { totalResults } } };
};
