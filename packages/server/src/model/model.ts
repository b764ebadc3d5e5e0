import type { Auth, JsonObject, JsonValue, ProtocolError } from '@really/protocol';
import type { Expression } from 'acorn';
import type { CollectionLayout } from '../store/store.js';

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
  readonly access: Access;
  readonly hooks: Hooks;
  /** The fields that its pre-get may hide; `any` if reading the script does not show it. */
  readonly hides: ReadonlySet<string> | 'any';
  /** Ascending, each from the version before it, without gaps. */
  readonly evolutions: readonly Evolution[];
  readonly layout: CollectionLayout;
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
export type ReferenceField = Extract<Field, { type: 'reference' }>;

export type Field =
  | (FieldBase & { readonly type: PlainType })
  | (FieldBase & { readonly type: 'Object'; readonly fields: ReadonlyMap<string, Field> })
  | (FieldBase & { readonly type: 'List'; readonly items: Field })
  | (FieldBase & {
      readonly type: 'reference';
      /** Names of the target collection. */
      readonly collection: readonly string[];
      /** The fields of the target that a get or read shows, with field sets resolved. */
      readonly shows: readonly string[];
    })
  | (FieldBase & {
      readonly type: 'Calculated';
      readonly valueType: PlainType | 'Object' | 'List';
      readonly dependsOn: readonly string[];
      readonly value: Script;
    });

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
  /** Whether it reads nothing else of its scope, so that it is the same for every object. */
  readonly readsOnlyAuth?: boolean | undefined;
  /** Whether it can be evaluated for a deleted object, because it reads only `_r` and `_rev` of it. */
  readonly decidesDeleted?: boolean | undefined;
  /** Whether it may call `cancel`. */
  readonly mayCancel?: boolean | undefined;
  /** Set if the script is an expression with a constant value. */
  readonly constant?: { readonly value: JsonValue | undefined } | undefined;
  /** The syntax tree, if it is an expression. */
  readonly tree?: Expression | undefined;
  /** Scope: plain JSON by name, never modified; `this` for calculated fields. Never throws and never rejects. */
  run(scope: Readonly<Record<string, JsonValue | undefined>>): ScriptResult | Promise<ScriptResult>;
}

export interface AuthParts {
  readonly uid: boolean;
  readonly r: boolean;
  /** `authType` or `data`, or `auth` as a whole. */
  readonly all: boolean;
}

export type ScriptFailure = Extract<ScriptResult, { kind: 'threw' | 'stopped' }>;

/** A call of `emit(name, data)`, `create(r, body)`, `update(r, changes)` or `remove(r)`, as the script made it. */
export type ScriptEffect = readonly [
  kind: 'emit' | 'create' | 'update' | 'remove',
  name: string,
  value: JsonValue,
];

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
  readonly bound: string;
  /** Seconds. */
  readonly retryAfter: number;
}

export interface Access {
  readonly create: Rule;
  readonly read: Rule;
  readonly update: Rule;
  readonly delete: Rule;
  readonly subscribe: Rule;
  /** Answer 404 `object.missing` if a read is refused. */
  readonly hidden: boolean;
}

export interface Rule {
  readonly reads: AuthParts;
  /** Whether the result is the same for every object, so that none is needed. */
  readonly readsOnlyAuth?: boolean | undefined;
  /** Whether it can still be evaluated for a deleted object. */
  readonly decidesDeleted?: boolean | undefined;
  /** Set if the rule is constant. */
  readonly constant: boolean | undefined;
  /** The syntax tree, if the model has an expression. */
  readonly tree?: Expression | undefined;
  /** A rule that throws or is stopped refuses, and is counted and logged. For commands, `demand` in `access.ts` distinguishes the two. */
  allows(scope: RuleScope): boolean | Promise<boolean>;
  /** As `allows`, but distinguishes a refusal from a rule that was stopped (a command answers 500 then) or did not run. */
  decide(scope: RuleScope): RuleDecision | Promise<RuleDecision>;
}

/** `error`: what a command answers if the rule could not be evaluated. */
export type RuleDecision = 'allowed' | 'refused' | 'stopped' | ProtocolError;

export interface RuleScope {
  readonly auth: Auth;
  /** As stored, with `_r` and `_rev`; absent for create. */
  readonly obj?: JsonObject | undefined;
  readonly input?: JsonObject | undefined;
  readonly r: string;
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
