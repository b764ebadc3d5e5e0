import type { GetRequest } from '@really/protocol';
import { view, visibleBody } from '../../model/view/view.js';
import { judgedAsNewest } from '../../objects/judged-again.js';
import { auditRead } from '../admin-audit.js';
import { existingObject, lookupsSettled } from '../existing-object.js';
import { requestedFields, requestModel, visibleFieldNames } from '../request-model.js';
import type { Handler } from '../services.js';
import { dereference } from './dereference.js';

/** Rules GET1 to GET8. */
export const get: Handler<GetRequest> = async (context, request) => {
  const { r, names } = request.target;
  const model = requestModel(context, names);
  const fields = requestedFields(model, request.cmdOpts.fields);
  const head = await context.services.objects.head(r);
  await lookupsSettled(context, [model]);
  const { object, seen } = await judgedAsNewest(context.services.objects, head, async (now) => {
    const object = await existingObject(context, model, now, { r, right: 'read' });
    return { object, seen: await view(model, object, context.auth) };
  });
  if (seen.kind === 'refused') throw seen.error;
  await auditRead(context, request, [{ model, object, fields }]);
  const plain = visibleBody(object, fields, seen.hidden);
  const [body = plain] = await dereference(context, model, {
    bodies: [plain],
    command: request,
  });
  return { body: { r, meta: { fields: visibleFieldNames(model, fields, seen.hidden) }, body } };
};
