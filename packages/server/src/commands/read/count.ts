import type { CountRequest } from '@really/protocol';
import { storeFailure } from '../../objects/unavailable.js';
import { filterOf } from '../../queries/filter.js';
import { ownerOf } from '../../queries/owner.js';
import { Search } from '../../queries/search.js';
import { auditCount } from '../admin-audit.js';
import { requestModel } from '../request-model.js';
import { type Handler, requesterOf } from '../services.js';

/** Rule CNT1. */
export const count: Handler<CountRequest> = async (context, request) => {
  const { r, names, parents } = request.target;
  const { services, auth } = context;
  const scope = { names, parents };
  const requester = requesterOf(context);
  const owner = ownerOf(requester);
  const order = { keys: [{ field: '_r', descending: true }] };
  const totalResults = await services.queryLimiter.run(requester, async () => {
    const model = requestModel(context, names);
    auditCount(context, request, model);
    const filter = await filterOf(model, request.cmdOpts.query, services);
    try {
      return await new Search({ services, owner, auth, model, scope, filter, order }).count();
    } catch (error) {
      throw storeFailure(error);
    }
  });
  return { body: { r, body: { totalResults } } };
};
