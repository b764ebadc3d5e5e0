import type { GetRequest } from '@really/protocol';
import { view, visibleBody } from '../../model/view/view.js';
import { existingObject } from '../existing-object.js';
import { requestedFields, requestModel, visibleFieldNames } from '../request-model.js';
import type { Handler } from '../services.js';
import { dereference } from './dereference.js';

/** Rules GET1 to GET8. */
export const get: Handler<GetRequest> = async (context, request) => {
  const { r, names } = request.target;
  const model = requestModel(context, names);
  const fields = requestedFields(model, request.cmdOpts.fields);
  const head = await context.services.objects.head(r);
  const object = await existingObject(context, model, head, { r, right: 'read' });
  const seen = await view(model, object, context.auth);
  if (seen.kind === 'refused') throw seen.error;
  const plain = visibleBody(object, fields, seen.hidden);
  const [body = plain] = await dereference(context, model, [plain]);
  return { body: { r, meta: { fields: visibleFieldNames(model, fields, seen.hidden) }, body } };
};
