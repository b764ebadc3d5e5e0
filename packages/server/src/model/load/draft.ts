import type { JsonValue } from '@really/protocol';
import type { LayoutIndex } from '../../store/collection-layout.js';
import type {
  FieldBase,
  FieldRules,
  Hooks,
  Model,
  OnDeleted,
  PlainType,
  Script,
} from '../model.js';
import type { AccessRight } from '../rules/access.js';
import type { ScriptDraft } from '../script/sandboxed-script.js';
import type { LookupDrafts } from './lookups/read-lookups.js';
import type { ModelYaml } from './model-yaml.js';
import type { SourceFile } from './source-file.js';

/** A name that a model mentions, with its position. */
export interface NameReference {
  readonly name: string;
  readonly offset: number;
}

/** A script being loaded: parsed when the file is read, runnable once all were compiled. */
export interface ScriptSlot {
  readonly draft: ScriptDraft;
  readonly file: SourceFile;
  /** Position for errors without a better one. `undefined`: the sandbox's position is one in the file. */
  readonly offset: number | undefined;
  /** It runs in the sandbox of post hooks. */
  readonly isPostHook?: boolean | undefined;
  script?: Script | undefined;
}

/** A default: an expression, or a literal in the YAML. */
export type DefaultDraft =
  | { readonly kind: 'script'; readonly slot: ScriptSlot }
  | { readonly kind: 'literal'; readonly value: JsonValue; readonly where: string };

interface DraftBase extends Pick<FieldBase, 'name' | 'index' | 'unique'> {
  readonly offset: number;
  readonly required: boolean | ScriptSlot;
  readonly default?: DefaultDraft | undefined;
  readonly validation?: ScriptSlot | undefined;
  readonly access?: FieldAccessDraft | undefined;
}

/** The rules of one field. */
export type FieldAccessDraft = Readonly<Record<keyof FieldRules, ScriptSlot | undefined>>;

export type FieldDraft =
  | (DraftBase & { readonly type: PlainType; readonly enum?: ReadonlySet<JsonValue> })
  | (DraftBase & { readonly type: 'Object'; readonly fields: ReadonlyMap<string, FieldDraft> })
  | (DraftBase & { readonly type: 'List'; readonly items: FieldDraft })
  | (DraftBase & {
      readonly type: 'reference';
      readonly collection: readonly string[];
      readonly collectionOffset: number;
      readonly shows: readonly NameReference[];
      readonly onDeleted: OnDeleted;
      /** Of `onDeleted`, if it is in the model. */
      readonly onDeletedOffset: number | undefined;
    })
  | CalculatedDraft;

export type CalculatedDraft = DraftBase & {
  readonly type: 'Calculated';
  readonly valueType: PlainType | 'Object' | 'List';
  readonly dependsOn: readonly NameReference[];
  readonly value: ScriptSlot;
};

/** `presence` and `events`; `undefined`: not in the model. */
export interface RoomDraft {
  readonly presence: ReadonlyMap<string, FieldDraft> | undefined;
  readonly events: ReadonlyMap<string, ReadonlyMap<string, FieldDraft>> | undefined;
}

export interface AccessDraft {
  readonly rules: Partial<Record<AccessRight, ScriptSlot>>;
  readonly hidden: boolean;
}

/** `evolution-<to>.js`. */
export interface EvolutionDraft {
  readonly to: number;
  readonly slot: ScriptSlot;
}

/** A model as read from its files, before its references to other names are checked. */
export interface ModelDraft {
  readonly names: readonly string[];
  /** Digest of the texts of its files. */
  readonly digest: string;
  readonly yaml: ModelYaml;
  readonly version: number;
  readonly fields: ReadonlyMap<string, FieldDraft>;
  /** Names in `fields` whose definitions are broken and were reported, so that mentions of them are not reported again. */
  readonly brokenFields: ReadonlySet<string>;
  readonly fieldSets: ReadonlyMap<string, readonly NameReference[]>;
  /** Over several fields. */
  readonly indexes: readonly LayoutIndex[];
  readonly lookups: LookupDrafts;
  /** `undefined`: not in the model. */
  readonly access: AccessDraft | undefined;
  readonly rooms: RoomDraft;
  readonly onParentDeleted: Model['onParentDeleted'];
  /** `age` in milliseconds. */
  readonly retention: { readonly history?: number; readonly age?: number };
  readonly hooks: Partial<Record<keyof Hooks, ScriptSlot>>;
  /** By target version, ascending. */
  readonly evolutions: readonly EvolutionDraft[];
  /** Every script of the model. */
  readonly slots: readonly ScriptSlot[];
}
