import type { Auth, JsonObject, JsonValue, ProtocolError } from '@really/protocol';
import type { Expression } from 'acorn';
import type { LimitKey } from '../platform/limits.js';
import type { CollectionLayout } from '../store/collection-layout.js';
import type { HookPause, HookState, ScriptEffect } from './hook-state.js';
import type { Lookup, LookupFinder, LookupUse, ReadLookups } from './lookups/lookup.js';

/** The models of one app, by collection. Immutable: a reload makes a new set. */
export interface ModelSet {
  /** By collection names joined with `/`: `users/posts`. */
  get(names: readonly string[]): Model | undefined;
  all(): readonly Model[];
}

export interface Model {
  /** `['users', 'posts']`. */
  readonly names: readonly string[];
  /** `users/posts`. */
  readonly key: string;
  readonly version: number;
  /** Digest of the texts of its files. */
  readonly digest: string;
  /** An object of this version or a later one needs no evolution and no recalculation to be as of `version`. */
  readonly currentFrom: number;
  /** Top-level fields in the order of the file. */
  readonly fields: ReadonlyMap<string, Field>;
  readonly fieldSets: ReadonlyMap<string, readonly string[]>;
  /** Declared ones, `parent` and `parents.<collection>`, by name. */
  readonly lookups: ReadonlyMap<string, Lookup>;
  /** Reads the objects of lookups where nobody says otherwise: as committed. */
  readonly readLookups: ReadLookups;
  readonly access: Access;
  readonly fieldRules: FieldRules;
  readonly hooks: Hooks;
  /** What is said in the rooms of its objects. */
  readonly rooms: RoomModel;
  /** The fields that a rule or its pre-get may hide; `any` if reading the script does not show it. */
  readonly hides: ReadonlySet<string> | 'any';
  /** Ascending, each from the version before it, without gaps. */
  readonly evolutions: readonly Evolution[];
  readonly layout: CollectionLayout;
  /** What happens to its objects when the object that they are below is deleted (rule CAS2). */
  readonly onParentDeleted: 'keep' | 'delete';
  /** The calculated fields, in order of their dependencies. */
  readonly calculated: readonly CalculatedField[];
  readonly limits: ModelLimits;
  /** Called for every script of this model that threw or was stopped, to log and count it. */
  readonly onScriptFailure: OnScriptFailure;
}

export interface ModelLimits {
  /** Levels of JSON. */
  readonly depth: number;
  /** Elements of a list. */
  readonly list: number;
}

/** `where` as in `Script.where`. */
export type OnScriptFailure = (where: string, result: ScriptFailure) => void;

/** The type of a stored value, which clients write. */
export type PlainType = 'String' | 'Boolean' | 'Long' | 'Double' | 'Date' | 'Json';

export type CalculatedField = Extract<Field, { type: 'Calculated' }>;
export type PlainField = Extract<Field, { type: PlainType }>;
export type ReferenceField = Extract<Field, { type: 'reference' }>;

export type Field =
  | (FieldBase & {
      readonly type: PlainType;
      /** The only values, of a String or a Long, in the order of the model. */
      readonly enum?: ReadonlySet<JsonValue> | undefined;
    })
  | (FieldBase & { readonly type: 'Object'; readonly fields: ReadonlyMap<string, Field> })
  | (FieldBase & { readonly type: 'List'; readonly items: Field })
  | (FieldBase & {
      readonly type: 'reference';
      /** Names of the target collection. */
      readonly collection: readonly string[];
      /** The fields of the target that a get or read shows, with field sets resolved. */
      readonly shows: readonly string[];
      readonly onDeleted: OnDeleted;
    })
  | (FieldBase & {
      readonly type: 'Calculated';
      readonly valueType: PlainType | 'Object' | 'List';
      readonly dependsOn: readonly string[];
      readonly value: Script;
    });

/** What a reference does when the object that it refers to is deleted (rule CAS3). */
export type OnDeleted = (typeof onDeletedValues)[number];
export const onDeletedValues = ['keep', 'unset', 'delete', 'refuse'] as const;

export interface FieldBase {
  /** Empty for the items of a list. */
  readonly name: string;
  readonly required: boolean | Script;
  readonly default?: Script | undefined;
  readonly validation?: Script | undefined;
  readonly index: boolean;
  readonly unique: boolean;
}

/**
 * A piece of an app's JavaScript, ready to run. A simple expression was compiled to a closure and returns
 * synchronously; any other script runs in the sandbox and returns a promise.
 */
export interface Script {
  /** Position for log lines: `models/users/model.yaml:4:17` or `models/users/pre-get.js`. */
  readonly where: string;
  /** The parts of `auth` that it can read: users who agree in them share its result. */
  readonly reads: AuthParts;
  /** Whether it reads nothing else of its scope, lookups aside. */
  readonly readsOnlyAuth?: boolean | undefined;
  /** Whether it can be evaluated for a deleted object, because it reads only `_r` and `_rev` of it, lookups aside. */
  readonly decidesDeleted?: boolean | undefined;
  /** The objects that it looks at: they have to be in its scope. */
  readonly lookups?: readonly LookupUse[] | undefined;
  /** Whether it may call `cancel`. */
  readonly mayCancel?: boolean | undefined;
  /** Set if the script is an expression with a constant value. */
  readonly constant?: { readonly value: JsonValue | undefined } | undefined;
  /** The syntax tree and the text, if it is an expression. */
  readonly tree?: Expression | undefined;
  readonly source?: string | undefined;
  /** Scope: plain JSON by name, never modified; `this` for calculated fields. Never throws and never rejects. */
  run(scope: Readonly<Record<string, JsonValue | undefined>>): ScriptResult | Promise<ScriptResult>;
  /** As `run`, for a post hook: see `Sandbox.advance`. */
  advance?(
    scope: Readonly<Record<string, JsonValue | undefined>>,
    state: HookState,
  ): Promise<ScriptResult | HookPause>;
}

export interface AuthParts {
  readonly uid: boolean;
  readonly r: boolean;
  /** `authType` or `data`, or `auth` as a whole. */
  readonly all: boolean;
}

export type ScriptFailure = Extract<ScriptResult, { kind: 'threw' | 'stopped' }>;

export type ScriptResult =
  | {
      readonly kind: 'returned';
      readonly value: JsonValue | undefined;
      readonly hidden: readonly string[];
      /** The effects of a post hook, in the order of its calls. */
      readonly effects?: readonly ScriptEffect[] | undefined;
    }
  /** `cancel(code, message)`. */
  | { readonly kind: 'cancelled'; readonly code: number; readonly message: string }
  /** It threw. The consequence depends on its role (a rule: refused; a validation: `validation.custom.runtime_error`; a hook: 500). */
  | { readonly kind: 'threw'; readonly message: string; readonly line: number | undefined }
  /** It was stopped, for exceeding its time, its memory, or its stack. Always a 500. */
  | {
      readonly kind: 'stopped';
      readonly reason: 'time' | 'memory' | 'stack';
      readonly line: number | undefined;
    }
  /** It did not run, because of its requester's earlier or waiting calls. Always a 429. */
  | ({ readonly kind: 'refused' } & ScriptRefusal);

export interface ScriptRefusal {
  /** The key of the limit: `limits.hookTime`. */
  readonly bound: LimitKey;
  /** Seconds. */
  readonly retryAfter: number;
}

export interface Access {
  readonly create: Rule;
  readonly read: Rule;
  readonly update: Rule;
  readonly delete: Rule;
  readonly subscribe: Rule;
  /** To appear in the room of an object, besides `read` and `subscribe`. */
  readonly present: Rule;
  /** To send messages to it, besides `read`. */
  readonly send: Rule;
  /** Answer 404 `object.missing` if a read is refused. */
  readonly hidden: boolean;
}

/** What a model says about the rooms of its objects; what it leaves out may be any JSON. */
export interface RoomModel {
  /** The fields of a member's state. */
  readonly presence?: ReadonlyMap<string, Field> | undefined;
  /** The messages, by name, with the fields of their data. */
  readonly events?: ReadonlyMap<string, ReadonlyMap<string, Field>> | undefined;
}

/** The rules of fields that may refuse something (rule FAC1). */
export interface FieldRules {
  /** Of top-level fields. */
  readonly read: readonly FieldRule[];
  readonly create: readonly FieldRule[];
  readonly update: readonly FieldRule[];
}

export interface FieldRule {
  /** The dotted path of the field. */
  readonly path: string;
  readonly rule: Rule;
}

/** Its `reads` include what the templates of its lookups read; `tree` and `source` are set if the model has an expression. */
export interface Rule
  extends Pick<Script, 'reads' | 'lookups' | 'decidesDeleted' | 'tree' | 'source'> {
  /** `reads` without the templates. */
  readonly ownReads?: AuthParts | undefined;
  /** Whether the result is the same for every object of a collection (below one parent), so that none is needed. */
  readonly isCollectionWide?: boolean | undefined;
  /** Set if the rule is constant. */
  readonly constant: boolean | undefined;
  /** In development only: see `RuleRefusal`. */
  readonly name?: RuleName | undefined;
  /** A rule that throws refuses, and one that throws or is stopped is counted and logged. For commands, see `demand` in `access.ts`. */
  decide(scope: RuleScope): RuleDecision | Promise<RuleDecision>;
}

/** A rule as its developer knows it. */
export interface RuleName {
  /** `update of /notes/*`. */
  readonly rule: string;
  /** `models/notes/model.yaml:9:11`, or the file where it is missing. */
  readonly at: string;
}

/** `stopped`: a command answers 500. An error: it did not run, and a command answers with that. */
export type RuleDecision = 'allowed' | 'refused' | 'stopped' | ProtocolError;

export interface RuleScope {
  readonly auth: Auth;
  /** As stored, with `_r` and `_rev`; absent for create. */
  readonly obj?: JsonObject | undefined;
  readonly input?: JsonObject | undefined;
  readonly r: string;
  /** For the rule of a field: its value, as it would be for a write. */
  readonly value?: JsonValue | undefined;
  /** For the rule of a field: its value before an update. */
  readonly was?: JsonValue | undefined;
  /** Where its lookups are found; `undefined`: as committed. */
  readonly finder?: LookupFinder | undefined;
}

/** Converts an object from the version before `to` to `to` (rule MIG1). */
export interface Evolution {
  readonly to: number;
  readonly script: Script;
}

export interface Hooks {
  readonly onValidate?: Script | undefined;
  readonly preGet?: Script | undefined;
  readonly preUpdate?: Script | undefined;
  readonly preDelete?: Script | undefined;
  readonly postCreate?: Script | undefined;
  readonly postUpdate?: Script | undefined;
  readonly postDelete?: Script | undefined;
}

/** A problem of a model. `line` and `column` count from 1. */
export interface ModelProblem {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** What is wrong and what was expected. */
  readonly message: string;
}
