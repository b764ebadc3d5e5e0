import type { JsonValue, RqlExpression } from '@really/protocol';
import { parseInstant } from '../model/instant.js';
import type { Field, Model } from '../model/model.js';

type Comparison = Extract<RqlExpression, { kind: 'comparison' }>;

/**
 * A filter in which instants that are compared with dates are written as dates are kept, in UTC with
 * milliseconds: text that is compared as text has to be of one form. Other text stays as it is.
 */
export function withKeptDates(model: Model, filter: RqlExpression): RqlExpression {
  switch (filter.kind) {
    case 'and':
    case 'or': {
      const { kind, left, right } = filter;
      return { kind, left: withKeptDates(model, left), right: withKeptDates(model, right) };
    }
    case 'not':
      return { kind: 'not', operand: withKeptDates(model, filter.operand) };
    case 'comparison':
      return holdsDates(model, filter) ? { ...filter, value: keptForm(filter.value) } : filter;
    default:
      return filter satisfies never;
  }
}

/** Whether the text on the right stands for an instant. The beginning of one, for `starts with`, is none. */
function holdsDates(model: Model, { field: path, operator }: Comparison): boolean {
  const field = fieldAt(model.fields, path);
  if (!field || operator === 'starts with') return false;
  if (field.type === 'Calculated') return field.valueType === 'Date';
  return field.type === 'Date' || (field.type === 'List' && field.items.type === 'Date');
}

function fieldAt(fields: ReadonlyMap<string, Field>, path: readonly string[]): Field | undefined {
  const [first, ...rest] = path;
  const field = first === undefined ? undefined : fields.get(first);
  if (rest.length === 0) return field;
  return field?.type === 'Object' ? fieldAt(field.fields, rest) : undefined;
}

function keptForm(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(keptForm);
  return typeof value === 'string' ? (parseInstant(value) ?? value) : value;
}
