import type { CountRequest } from '@really/protocol';
import { storeFailure } from '../../objects/unavailable.js';
import { filterOf } from '../../queries/filter.js';
import { ownerOf } from '../../queries/owner.js';
import { Search } from '../../queries/search.js';
import { requestModel } from '../request-model.js';
import type { Handler } from '../services.js';

/** Rule CNT1. */
export const count: Handler<CountRequest> = async (context, request) => {
  const { r, names, parents } = request.target;
  const { services, auth } = context;
  const scope = { names, parents };
  const owner = ownerOf(context.pushTarget);
  const order = { field: '_r', descending: true };
  const totalResults = await services.queryLimiter.run(context.pushTarget, async () => {
    const model = requestModel(context, names);
    const filter = await filterOf(model, request.cmdOpts.query, services);
    try {
      return await new Search({ services, owner, auth, model, scope, filter, order }).count();
    } catch (error) {
      throw storeFailure(error);
    }
  });
  return { body: { r, body: { totalResults } } };
};
