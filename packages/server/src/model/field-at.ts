import type { KeyStep } from '@really/protocol';
import type { Field, Model } from './model.js';

/** The field definition at a path; `undefined` if there is none. */
export function fieldAt(
  fields: Model['fields'],
  [first, ...rest]: readonly KeyStep[],
): Field | undefined {
  let field = typeof first === 'string' ? fields.get(first) : undefined;
  for (const step of rest) {
    if (field?.type === 'Object' && typeof step === 'string') field = field.fields.get(step);
    else if (field?.type === 'List' && typeof step === 'number') field = field.items;
    else return undefined;
  }
  return field;
}
