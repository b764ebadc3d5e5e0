import { type DeleteRequest, fail } from '@really/protocol';
import { runPreDelete } from '../model/hooks.js';
import { scriptObject } from '../model/view.js';
import { deleteWrite } from '../objects/change.js';
import type { StoredObject } from '../store/store.js';
import { modelOf } from './model-of.js';
import { demandOn, living } from './presence.js';
import type { Handler } from './services.js';
import { assertWritten, onceKeyOf, originOf, repeatedBy } from './written.js';

/** Rules DEL1 to DEL4. */
export const deleteObject: Handler<DeleteRequest> = async (context, request) => {
  const { r, names } = request.target;
  const model = modelOf(context, names);
  const once = onceKeyOf(context, request);
  const prepare = async (stored: StoredObject | undefined) => {
    const head = await living(context, model, stored, { r, right: 'delete' });
    await demandOn(context, model, head, { right: 'delete' });
    const { rev = head.rev } = request;
    if (rev !== head.rev) throw fail('object.revision.outdated');
    await runPreDelete(model, { obj: scriptObject(head), auth: context.auth });
    return deleteWrite(head, originOf(context, model));
  };
  const result = await context.services.objects.write({ r, once, prepare });
  if (result.kind === 'repeated') {
    const first = repeatedBy(once, result.first);
    return { body: { r, rev: first.rev, meta: { repeated: true } } };
  }
  assertWritten(result, []);
  return { body: { r } };
};
