import { parseR } from '@really/protocol';
import { isScalar } from 'yaml';
import type { PlainType } from '../model.js';
import { isObjectMember } from '../script/members.js';
import { readOnDeleted } from './deletions/read-on-deleted.js';
import type { CalculatedDraft, DefaultDraft, FieldDraft, ScriptSlot } from './draft.js';
import { expectedNames, listed, quoted } from './expected-names.js';
import {
  allFieldKeys,
  elsewhere,
  type FieldPlace,
  type FieldSpot,
  fieldTypes,
  misplacedKey,
  plainTypes,
  valueTypes,
} from './field-types.js';
import { describe, type ModelYaml, offsetOf, type YamlEntry, type YamlNode } from './model-yaml.js';
import { withEnum } from './read-enum.js';
import { readFieldAccess } from './read-field-access.js';
import { readExpression, type ScriptNames } from './read-script.js';
import { readFlag, readLiteral, readNames, readText } from './read-values.js';
import { fieldRuleScope, isTextWord, isVariableName } from './scope-names.js';

export interface FieldDrafts {
  readonly fields: ReadonlyMap<string, FieldDraft>;
  /** Names whose definitions are broken. */
  readonly broken: ReadonlySet<string>;
}

/** What fields of every type have. */
type FieldBaseDraft = Omit<Extract<FieldDraft, { type: PlainType }>, 'type'>;

export const fieldName = /^\p{L}[\p{L}\p{N}_-]{0,127}$/u;

/** Reads the `fields` of one model, reporting all problems. */
export class FieldReader {
  /** The scripts found. */
  readonly slots: ScriptSlot[] = [];
  readonly #yaml: ModelYaml;
  readonly #lookups: ReadonlySet<string>;

  /** `lookups`: the names of the model's lookups. */
  constructor(yaml: ModelYaml, lookups: ReadonlySet<string>) {
    this.#yaml = yaml;
    this.#lookups = lookups;
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
    const wrong = nameProblem(entry.name);
    if (wrong === undefined) return true;
    this.#yaml.problem(
      entry,
      `a field cannot be named ${quoted(entry.name)}: ${wrong}; expected a letter, then letters, digits, \`_\` or \`-\``,
    );
    return false;
  }

  #field(entry: YamlEntry, path: string, place: FieldPlace): FieldDraft | undefined {
    const what = `field ${quoted(path)}`;
    const { node } = entry;
    if (place === 'items' && isScalar(node) && node.value !== null) {
      return this.#bareItems(entry, path, what);
    }
    const members = this.#yaml.members(node, what, allFieldKeys, '{ type: String }');
    if (members === undefined) return undefined;
    const type = this.#type(members.get('type'), entry, what, fieldTypes);
    if (type === undefined) return undefined;
    for (const [key, member] of members) {
      const wrong = misplacedKey(key, type, place);
      if (wrong !== undefined) this.#yaml.problem(member, wrong);
    }
    const spot = { type, entry, members, path, place, what };
    const draft = this.#ofType(this.#base(spot), spot);
    return draft && withEnum(this.#yaml, draft, members, what);
  }

  /** `items: String`. */
  #bareItems(entry: YamlEntry, path: string, what: string): FieldDraft | undefined {
    const type = this.#type(entry, entry, what, fieldTypes);
    if (type === undefined) return undefined;
    const plain = plainTypes.find((candidate) => candidate === type);
    if (plain === undefined) {
      return this.#yaml.problem(
        entry.node,
        `\`items\` is just ${quoted(type)}, which says too little; expected a field definition such as { type: ${type}, … }`,
      );
    }
    const base = this.#base({ type, entry, members: new Map(), path, place: 'items', what });
    return { ...base, type: plain };
  }

  #type<T extends string>(
    member: YamlEntry | undefined,
    entry: YamlEntry,
    what: string,
    known: readonly T[],
  ): T | undefined {
    if (member === undefined) {
      return this.#yaml.problem(entry, `${what} has no \`type\`; expected ${listed(known)}`);
    }
    const text = readText(this.#yaml, member);
    if (text === undefined) return undefined;
    const type = known.find((candidate) => candidate.toLowerCase() === text.toLowerCase());
    if (type !== undefined) return type;
    return this.#yaml.problem(
      member.node,
      `unknown type ${quoted(text)} of ${what}; ${expectedNames(text, known, elsewhere)}`,
    );
  }

  #base(spot: FieldSpot): FieldBaseDraft {
    const { type, entry, members, place, what } = spot;
    const name = place === 'items' ? '' : entry.name;
    const lookups = this.#lookups;
    const ruleNames = { parameters: fieldRuleScope, lookups, isCondition: true };
    return {
      name,
      offset: entry.offset,
      access: readFieldAccess(this.#yaml, spot, (member, rule) => {
        return this.#script(member, rule, ruleNames);
      }),
      index: readFlag(this.#yaml, members.get('index')),
      unique: readFlag(this.#yaml, members.get('unique')),
      required: this.#required(members.get('required'), what),
      default: type === 'Calculated' ? undefined : this.#default(members.get('default'), what),
      validation: this.#script(members.get('validation'), `\`validation\` of ${what}`, {
        parameters: [...new Set(['value', name])].filter(isVariableName),
        lookups,
        isValidation: true,
      }),
    };
  }

  #required(member: YamlEntry | undefined, what: string): boolean | ScriptSlot {
    const node = member?.node;
    if (isScalar(node) && typeof node.value === 'boolean') return node.value;
    const names = { parameters: [], lookups: this.#lookups, isCondition: true };
    return this.#script(member, `\`required\` of ${what}`, names) ?? false;
  }

  #default(member: YamlEntry | undefined, what: string): DefaultDraft | undefined {
    if (member === undefined) return undefined;
    const { node } = member;
    const isText = isScalar(node) && typeof node.value === 'string';
    if (!isText || isTextWord(String(node.value))) {
      const value = readLiteral(this.#yaml, node);
      if (value === undefined || value === null) return undefined;
      return { kind: 'literal', value, where: this.#yaml.file.where(offsetOf(node)) };
    }
    const slot = this.#script(member, `\`default\` of ${what}`, {
      parameters: [],
      hint: `, or a text in quotes of its own, such as '"two words"'`,
    });
    return slot && { kind: 'script', slot };
  }

  #script(member: YamlEntry | undefined, what: string, names: ScriptNames): ScriptSlot | undefined {
    const slot = member && readExpression(this.#yaml, member.node, what, names);
    if (slot !== undefined) this.slots.push(slot);
    return slot;
  }

  #ofType(base: FieldBaseDraft, spot: FieldSpot): FieldDraft | undefined {
    const { type } = spot;
    switch (type) {
      case 'Object': {
        const member = this.#needed('fields', spot);
        if (member === undefined) return undefined;
        const inner = spot.place.endsWith('items') ? 'inside items' : 'inside';
        const what = `\`fields\` of ${spot.what}`;
        return {
          ...base,
          type,
          fields: this.fields(member.node, what, `${spot.path}.`, inner).fields,
        };
      }
      case 'List': {
        const member = this.#needed('items', spot);
        const items = member && this.#field(member, `${spot.path}[]`, 'items');
        return items && { ...base, type, items };
      }
      case 'reference':
        return this.#reference(base, spot);
      case 'Calculated':
        return this.#calculated(base, spot);
      default:
        return { ...base, type };
    }
  }

  #needed(
    key: keyof typeof neededKeys,
    { entry, members, what }: FieldSpot,
  ): YamlEntry | undefined {
    const member = members.get(key);
    if (member !== undefined) return member;
    return this.#yaml.problem(entry, `${what} has no \`${key}\`; expected ${neededKeys[key]}`);
  }

  #reference(base: FieldBaseDraft, spot: FieldSpot): FieldDraft | undefined {
    const member = this.#needed('collectionR', spot);
    const collection = member && this.#collection(member);
    if (member === undefined || collection === undefined) return undefined;
    const fields = spot.members.get('fields');
    const stays = spot.members.get('onDeleted');
    const { what, place } = spot;
    const isRequired = base.required === true;
    return {
      ...base,
      type: 'reference',
      collection,
      collectionOffset: offsetOf(member.node),
      shows: fields === undefined ? [] : readNames(this.#yaml, fields),
      onDeleted: readOnDeleted(this.#yaml, stays, { what, place, isRequired }),
      onDeletedOffset: stays && offsetOf(stays.node),
    };
  }

  #collection(member: YamlEntry): readonly string[] | undefined {
    const text = readText(this.#yaml, member);
    if (text === undefined) return undefined;
    const parsed = parseR(text);
    if (parsed?.kind === 'collection' && parsed.parents.every((id) => id === '*')) {
      return parsed.names;
    }
    const found = parsed?.kind === 'object' ? 'an object' : 'a collection of one parent';
    return this.#yaml.problem(
      member.node,
      `\`collectionR\` ${describe(member.node)} is ${parsed ? found : 'no R'}; expected a collection such as \`/users\` or \`/users/*/posts\``,
    );
  }

  #calculated(base: FieldBaseDraft, spot: FieldSpot): CalculatedDraft | undefined {
    const { entry, place, what } = spot;
    if (place !== 'top') {
      return this.#yaml.problem(
        entry,
        `${what} is calculated; expected calculated fields at the top of the model only`,
      );
    }
    const typeMember = this.#needed('valueType', spot);
    const valueType =
      typeMember && this.#type(typeMember, entry, `the values of ${what}`, valueTypes);
    const dependsMember = this.#needed('dependsOn', spot);
    const dependsOn = dependsMember && readNames(this.#yaml, dependsMember);
    const value = this.#script(this.#needed('value', spot), `\`value\` of ${what}`, {
      parameters: dependsOn?.map(({ name }) => name) ?? [],
      isCalculation: true,
    });
    if (valueType === undefined || dependsOn === undefined || value === undefined) return undefined;
    return { ...base, type: 'Calculated', valueType, dependsOn, value };
  }
}

function nameProblem(name: string): string | undefined {
  if (name.startsWith('_')) return 'names beginning with `_` belong to the system';
  if (isObjectMember(name)) return 'every JavaScript object has something of that name';
  return fieldName.test(name) ? undefined : 'it is not made of letters, digits, `_` and `-`';
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
