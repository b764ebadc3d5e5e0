import type { GetRequest } from '@really/protocol';
import { view, visibleBody } from '../model/view.js';
import { dereference } from './dereference.js';
import { fieldsAsked, fieldsShown, modelOf } from './model-of.js';
import { living } from './presence.js';
import type { Handler } from './services.js';

/** Rules GET1 to GET8. */
export const get: Handler<GetRequest> = async (context, request) => {
  const { r, names } = request.target;
  const model = modelOf(context, names);
  const fields = fieldsAsked(model, request.cmdOpts.fields);
  const head = await context.services.objects.head(r);
  const object = await living(context, model, head, { r, right: 'read' });
  const seen = await view(model, object, context.auth);
  if (seen.kind === 'refused') throw seen.error;
  const plain = visibleBody(object, fields, seen.hidden);
  const [body = plain] = await dereference(context, model, [plain]);
  return { body: { r, meta: { fields: fieldsShown(model, fields, seen.hidden) }, body } };
};
