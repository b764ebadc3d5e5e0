import { isScalar } from 'yaml';
import type { PlainType } from '../model.js';
import type { DefaultDraft, FieldDraft, ScriptSlot } from './draft.js';
import type { FieldPlace, FieldTypeName } from './field-types.js';
import type { ModelYaml, YamlEntry } from './model-yaml.js';
import { readFieldAccess } from './read-field-access.js';
import { readExpression, type ScriptNames, startOf } from './read-script.js';
import { readFlag, readLiteral } from './read-values.js';
import { isTextWord, isVariableName } from './scope-names.js';

/** Properties of fields of every type. */
export type FieldBaseDraft = Omit<Extract<FieldDraft, { type: PlainType }>, 'type'>;
export type YamlMembers = ReadonlyMap<string, YamlEntry>;

export interface FieldAt {
  readonly type: FieldTypeName;
  readonly place: FieldPlace;
  /** For messages. */
  readonly what: string;
}

/** Reads the properties of fields of every type: flags and scripts. */
export class FieldBaseReader {
  /** The scripts found. */
  readonly slots: ScriptSlot[] = [];
  readonly #yaml: ModelYaml;
  /** The names of the model's lookups. */
  readonly #lookups: ReadonlySet<string>;

  constructor(yaml: ModelYaml, lookups: ReadonlySet<string>) {
    this.#yaml = yaml;
    this.#lookups = lookups;
  }

  /** Everything except type-specific properties. */
  base(entry: YamlEntry, members: YamlMembers, { type, place, what }: FieldAt): FieldBaseDraft {
    const name = place === 'items' ? '' : entry.name;
    const seen = ['value', name].filter(
      (parameter, index, all) => all.indexOf(parameter) === index && isVariableName(parameter),
    );
    return {
      name,
      offset: entry.offset,
      access: readFieldAccess(this.#yaml, members.get('access'), {
        ...{ type, place, what },
        read: (member, rule, parameters) =>
          this.script(member, rule, {
            ...{ parameters, lookups: this.#lookups, isCondition: true },
          }),
      }),
      index: readFlag(this.#yaml, members.get('index')),
      unique: readFlag(this.#yaml, members.get('unique')),
      required: this.#required(members.get('required'), what),
      default: type === 'Calculated' ? undefined : this.#default(members.get('default'), what),
      validation: this.script(members.get('validation'), `\`validation\` of ${what}`, {
        parameters: seen,
        lookups: this.#lookups,
        isValidation: true,
      }),
    };
  }

  #required(member: YamlEntry | undefined, what: string): boolean | ScriptSlot {
    if (member === undefined) return false;
    const { node } = member;
    if (isScalar(node) && typeof node.value === 'boolean') return node.value;
    const names = { parameters: [], lookups: this.#lookups, isCondition: true };
    return this.script(member, `\`required\` of ${what}`, names) ?? false;
  }

  #default(member: YamlEntry | undefined, what: string): DefaultDraft | undefined {
    if (member === undefined) return undefined;
    const { node } = member;
    const isText = isScalar(node) && typeof node.value === 'string';
    if (!isText || isTextWord(String(node.value))) {
      const value = readLiteral(this.#yaml, node);
      if (value === undefined || value === null) return undefined;
      return { kind: 'literal', value, where: startOf(node, this.#yaml) };
    }
    const slot = this.script(member, `\`default\` of ${what}`, {
      parameters: [],
      hint: `, or a text in quotes of its own, such as '"two words"'`,
    });
    return slot && { kind: 'script', slot };
  }

  /** An expression, collected for compiling. */
  script(member: YamlEntry | undefined, what: string, names: ScriptNames): ScriptSlot | undefined {
    if (member === undefined) return undefined;
    const slot = readExpression(this.#yaml, member.node, what, names);
    if (slot !== undefined) this.slots.push(slot);
    return slot;
  }
}

/** For list items given by the name of their type. */
export function bareBase({ offset }: YamlEntry): FieldBaseDraft {
  return {
    name: '',
    offset,
    index: false,
    unique: false,
    required: false,
    default: undefined,
    validation: undefined,
  };
}
