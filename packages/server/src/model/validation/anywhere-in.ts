import type { Field } from '../model.js';

/** A test whether a field or anything in it is such, which remembers what it found for each field. */
export function anywhereIn(isSuch: (field: Field) => boolean): (field: Field) => boolean {
  const known = new WeakMap<Field, boolean>();
  return function test(field) {
    let answer = known.get(field);
    if (answer === undefined) {
      answer = isSuch(field) || innerFields(field).some(test);
      known.set(field, answer);
    }
    return answer;
  };
}

function innerFields(field: Field): Field[] {
  if (field.type === 'Object') return [...field.fields.values()];
  return field.type === 'List' ? [field.items] : [];
}
