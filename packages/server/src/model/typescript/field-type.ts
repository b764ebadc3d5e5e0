import type { CalculatedField, Field, PlainType } from '../model.js';

const plainTypes: Readonly<Record<PlainType | 'Object' | 'List', string>> = {
  String: 'string',
  Boolean: 'boolean',
  Long: 'number',
  Double: 'number',
  Date: 'string',
  Json: 'JsonValue',
  Object: '{ [name: string]: JsonValue }',
  List: 'JsonValue[]',
};

/** The TypeScript type of a field's value on the wire, where a Date is text. */
export function typeOfField(field: Field): string {
  switch (field.type) {
    case 'Object':
      return membersType(field.fields);
    case 'List':
      return listOf(typeOfField(field.items));
    case 'reference':
      return `R<'${printedCollection(field.collection)}'>`;
    case 'Calculated':
      return plainTypes[field.valueType];
    default:
      return plainTypes[field.type];
  }
}

/** Whether clients write it. */
export function isWritten(field: Field): field is Exclude<Field, CalculatedField> {
  return field.type !== 'Calculated';
}

/** The address of a collection with wildcards for its parents: the posts of users are `users/posts` with `/*` after each name. */
export function printedCollection(names: readonly string[]): string {
  return names.map((name) => `/${name}/*`).join('');
}

/** The addresses of its objects, as a template literal type. */
export function addressType(names: readonly string[]): string {
  return `\`${printedCollection(names).replaceAll('*', `\${string}`)}\``;
}

/** A name as a member of a type: quoted if it is not an identifier. */
export function memberName(name: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(name) ? name : `'${name}'`;
}

/** A union of texts; `never` if there are none. */
export function unionOf(texts: readonly string[]): string {
  return texts.length === 0 ? 'never' : texts.map((text) => `'${text}'`).join(' | ');
}

function membersType(fields: ReadonlyMap<string, Field>): string {
  const members = [...fields].map(([name, field]) => {
    return `${memberName(name)}${field.required === true ? '' : '?'}: ${typeOfField(field)}`;
  });
  return members.length === 0 ? '{}' : `{ ${members.join('; ')} }`;
}

function listOf(item: string): string {
  return /^[\w]+(?:<[^>]*>)?$/.test(item) ? `${item}[]` : `(${item})[]`;
}
