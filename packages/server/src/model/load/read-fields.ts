import { parseR } from '@really/protocol';
import { isScalar } from 'yaml';
import { isObjectMember } from '../script/members.js';
import { readOnDeleted } from './deletions/read-on-deleted.js';
import type { CalculatedDraft, FieldDraft, ScriptSlot } from './draft.js';
import { expectedNames, listed, quoted } from './expected-names.js';
import {
  allFieldKeys,
  elsewhere,
  type FieldPlace,
  type FieldTypeName,
  fieldTypes,
  misplacedKey,
  plainTypes,
  valueTypes,
} from './field-types.js';
import { describe, type ModelYaml, type YamlEntry, type YamlNode } from './model-yaml.js';
import { withEnum } from './read-enum.js';
import {
  bareBase,
  type FieldBaseDraft,
  FieldBaseReader,
  type YamlMembers,
} from './read-field-base.js';
import { readNames, readText } from './read-values.js';

export interface FieldDrafts {
  readonly fields: ReadonlyMap<string, FieldDraft>;
  /** Names whose definitions are broken. */
  readonly broken: ReadonlySet<string>;
}

/** Reads the `fields` of one model, reporting all problems. */
export class FieldReader {
  readonly #yaml: ModelYaml;
  readonly #common: FieldBaseReader;

  /** `lookups`: the names of the model's lookups. */
  constructor(yaml: ModelYaml, lookups: ReadonlySet<string>) {
    this.#yaml = yaml;
    this.#common = new FieldBaseReader(yaml, lookups);
  }

  /** The scripts found. */
  get slots(): readonly ScriptSlot[] {
    return this.#common.slots;
  }

  fields(node: YamlNode, what: string, path: string, place: FieldPlace): FieldDrafts {
    const fields = new Map<string, FieldDraft>();
    const broken = new Set<string>();
    for (const entry of this.#yaml.entries(node, what) ?? []) {
      const draft = this.#isFieldName(entry)
        ? this.#field(entry, path + entry.name, place)
        : undefined;
      if (draft === undefined) broken.add(entry.name);
      else fields.set(entry.name, draft);
    }
    return { fields, broken };
  }

  #isFieldName(entry: YamlEntry): boolean {
    const { name } = entry;
    let wrong: string | undefined;
    if (name.startsWith('_')) wrong = 'names beginning with `_` belong to the system';
    else if (isObjectMember(name)) wrong = 'every JavaScript object has something of that name';
    else if (!/^\p{L}[\p{L}\p{N}_-]{0,127}$/u.test(name))
      wrong = 'it is not made of letters, digits, `_` and `-`';
    if (wrong === undefined) return true;
    this.#yaml.problem(
      entry,
      `a field cannot be named ${quoted(name)}: ${wrong}; expected a letter, then letters, digits, \`_\` or \`-\``,
    );
    return false;
  }

  #field(entry: YamlEntry, path: string, place: FieldPlace): FieldDraft | undefined {
    const what = `field ${quoted(path)}`;
    const { node } = entry;
    if (place === 'items' && isScalar(node) && node.value !== null)
      return this.#bareType(entry, what);
    const members = this.#yaml.members(node, what, allFieldKeys, '{ type: String }');
    if (members === undefined) return undefined;
    const type = this.#type(members.get('type'), entry, what, fieldTypes);
    if (type === undefined) return undefined;
    for (const [key, member] of members) {
      const wrong = misplacedKey(key, type, place);
      if (wrong !== undefined) this.#yaml.problem(member, wrong);
    }
    const base = this.#common.base(entry, members, { type, place, what });
    const draft = this.#ofType(type, base, members, { entry, path, place, what });
    return draft && withEnum(this.#yaml, draft, members, what);
  }

  /** `items: String`. */
  #bareType(entry: YamlEntry, what: string): FieldDraft | undefined {
    const type = this.#type({ ...entry, name: 'items' }, entry, what, fieldTypes);
    if (type === undefined) return undefined;
    const plain = plainTypes.find((candidate) => candidate === type);
    if (plain !== undefined) return { ...bareBase(entry), type: plain };
    this.#yaml.problem(
      entry.node,
      `\`items\` is just ${quoted(type)}, which says too little; expected a field definition such as { type: ${type}, … }`,
    );
    return undefined;
  }

  #type<T extends string>(
    member: YamlEntry | undefined,
    entry: YamlEntry,
    what: string,
    known: readonly T[],
  ): T | undefined {
    if (member === undefined) {
      this.#yaml.problem(entry, `${what} has no \`type\`; expected ${listed(known)}`);
      return undefined;
    }
    const text = readText(this.#yaml, member);
    if (text === undefined) return undefined;
    const type = known.find((candidate) => candidate.toLowerCase() === text.toLowerCase());
    if (type === undefined) {
      this.#yaml.problem(
        member.node,
        `unknown type ${quoted(text)} of ${what}; ${expectedNames(text, known, elsewhere)}`,
      );
    }
    return type;
  }

  #ofType(
    type: FieldTypeName,
    base: FieldBaseDraft,
    members: YamlMembers,
    at: FieldSpot,
  ): FieldDraft | undefined {
    switch (type) {
      case 'Object': {
        const member = this.#needed(members, 'fields', at);
        if (member === undefined) return undefined;
        const inner = at.place.endsWith('items') ? 'inside items' : 'inside';
        const { fields } = this.fields(
          member.node,
          `\`fields\` of ${at.what}`,
          `${at.path}.`,
          inner,
        );
        return { ...base, type, fields };
      }
      case 'List':
        return this.#list(base, members, at);
      case 'reference':
        return this.#reference(base, members, at);
      case 'Calculated':
        return this.#calculated(base, members, at);
      default:
        return { ...base, type };
    }
  }

  #needed(
    members: YamlMembers,
    key: keyof typeof neededKeys,
    { entry, what }: FieldSpot,
  ): YamlEntry | undefined {
    const member = members.get(key);
    if (member === undefined)
      this.#yaml.problem(entry, `${what} has no \`${key}\`; expected ${neededKeys[key]}`);
    return member;
  }

  #list(base: FieldBaseDraft, members: YamlMembers, at: FieldSpot): FieldDraft | undefined {
    const member = this.#needed(members, 'items', at);
    const items = member && this.#field(member, `${at.path}[]`, 'items');
    return items && { ...base, type: 'List', items };
  }

  #reference(base: FieldBaseDraft, members: YamlMembers, at: FieldSpot): FieldDraft | undefined {
    const member = this.#needed(members, 'collectionR', at);
    const collection = member && this.#collection(member);
    if (member === undefined || collection === undefined) return undefined;
    const fields = members.get('fields');
    const shows = fields === undefined ? [] : readNames(this.#yaml, fields);
    const stays = members.get('onDeleted');
    const { what, place } = at;
    const isRequired = base.required === true;
    return {
      ...base,
      ...{ type: 'reference', collection, collectionOffset: offsetIn(member), shows },
      onDeleted: readOnDeleted(this.#yaml, stays, { what, place, isRequired }),
      onDeletedOffset: stays && offsetIn(stays),
    };
  }

  #collection(member: YamlEntry): readonly string[] | undefined {
    const text = readText(this.#yaml, member);
    if (text === undefined) return undefined;
    const parsed = parseR(text);
    if (parsed?.kind === 'collection' && parsed.parents.every((id) => id === '*'))
      return parsed.names;
    const found =
      parsed?.kind === 'object'
        ? 'an object'
        : parsed === undefined
          ? 'no R'
          : 'a collection of one parent';
    this.#yaml.problem(
      member.node,
      `\`collectionR\` ${describe(member.node)} is ${found}; expected a collection such as \`/users\` or \`/users/*/posts\``,
    );
    return undefined;
  }

  #calculated(
    base: FieldBaseDraft,
    members: YamlMembers,
    at: FieldSpot,
  ): CalculatedDraft | undefined {
    if (at.place !== 'top') {
      this.#yaml.problem(
        at.entry,
        `${at.what} is calculated; expected calculated fields at the top of the model only`,
      );
      return undefined;
    }
    const typeMember = this.#needed(members, 'valueType', at);
    const valueType =
      typeMember && this.#type(typeMember, at.entry, `the values of ${at.what}`, valueTypes);
    const dependsMember = this.#needed(members, 'dependsOn', at);
    const dependsOn = dependsMember && readNames(this.#yaml, dependsMember);
    const valueMember = this.#needed(members, 'value', at);
    const value = this.#calculation(valueMember, dependsOn?.map(({ name }) => name) ?? [], at);
    if (valueType === undefined || dependsOn === undefined || value === undefined) return undefined;
    return { ...base, type: 'Calculated', valueType, dependsOn, value };
  }

  #calculation(
    member: YamlEntry | undefined,
    given: readonly string[],
    at: FieldSpot,
  ): ScriptSlot | undefined {
    if (member === undefined) return undefined;
    const what = `\`value\` of ${at.what}`;
    return this.#common.script(member, what, {
      parameters: given,
      hasThis: true,
      orFunction: true,
    });
  }
}

/** The value of a required key of a type. */
const neededKeys = {
  fields: 'a mapping of names to field definitions',
  items: 'the name of a type, or a field definition',
  collectionR: 'a collection such as `/users` or `/users/*/posts`',
  valueType: listed(valueTypes),
  dependsOn: 'the names of the fields that the value is worked out from',
  value: 'an expression over `this`, or a function of the fields in `dependsOn`',
};

interface FieldSpot {
  readonly entry: YamlEntry;
  readonly path: string;
  readonly place: FieldPlace;
  readonly what: string;
}

function offsetIn({ node }: YamlEntry): number {
  return node.range?.[0] ?? 0;
}
