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
  /** Of the texts of its files: another one where any of them is. */
  readonly digest: string;
  /** An object of this version or a later one is as of `version`: no evolution comes after it, and there is nothing to calculate anew. */
  readonly currentFrom: number;
  /** Top-level fields in the order of the file. */
  readonly fields: ReadonlyMap<string, Field>;
  readonly fieldSets: ReadonlyMap<string, readonly string[]>;
  readonly access: Access;
  readonly hooks: Hooks;
  /** The fields that its pre-get may hide; `any` where it cannot be told by reading it. */
  readonly hides: ReadonlySet<string> | 'any';
  /** Ascending, each from the version before it; none is missing in between. */
  readonly evolutions: readonly Evolution[];
  readonly layout: CollectionLayout;
  /** The calculated fields, each after those that it depends on. */
  readonly calculated: readonly CalculatedField[];
  readonly limits: ModelLimits;
  /** Is told of every script of this model that threw or was stopped, to log and count it. */
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

/** What a stored value can be: the type of a field that clients write. */
export type PlainType = 'String' | 'Boolean' | 'Long' | 'Double' | 'Date' | 'Json';

export type CalculatedField = Extract<Field, { type: 'Calculated' }>;
export type ReferenceField = Extract<Field, { type: 'reference' }>;

export type Field =
  | (FieldBase & { readonly type: PlainType })
  | (FieldBase & { readonly type: 'Object'; readonly fields: ReadonlyMap<string, Field> })
  | (FieldBase & { readonly type: 'List'; readonly items: Field })
  | (FieldBase & {
      readonly type: 'reference';
      /** Names of the collection that it points into. */
      readonly collection: readonly string[];
      /** What a get or read shows of the target, sets resolved. */
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
 * A piece of an app's JavaScript, ready to run. A simple expression was compiled to a closure and
 * answers in place; anything else runs in the sandbox and answers with a promise.
 */
export interface Script {
  /** `models/users/model.yaml:4:17` or `models/users/pre-get.js`: where a log line points. */
  readonly where: string;
  /** The parts of `auth` that it can look at: those who are alike in them share its verdict. */
  readonly reads: AuthParts;
  /** That it looks at nothing else that its scope brings: alike for every object. */
  readonly readsOnlyAuth?: boolean | undefined;
  /** That it can be judged of an object that was deleted, since it looks at nothing of it but `_r` and `_rev`. */
  readonly decidesDeleted?: boolean | undefined;
  /** Whether it can come to `cancel`. */
  readonly mayCancel?: boolean | undefined;
  /** Set where the script is an expression that is the same for everybody, everything and ever. */
  readonly constant?: { readonly value: JsonValue | undefined } | undefined;
  /** The syntax tree, where it is an expression. */
  readonly tree?: Expression | undefined;
  /** Scope: by name, plain JSON, which it never changes; `this` for calculated fields. Never throws and never rejects. */
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
      /** What a post hook asked for, in the order of its calls. */
      readonly effects?: readonly ScriptEffect[] | undefined;
    }
  /** `cancel(code, message)`. */
  | { readonly kind: 'cancelled'; readonly code: number; readonly message: string }
  /** It threw: answers depend on where (a rule: no; a validation: `validation.custom.runtime_error`; a hook: 500). */
  | { readonly kind: 'threw'; readonly message: string; readonly line: number | undefined }
  /** It was stopped: over its time, its memory, or its stack. Always a 500. */
  | {
      readonly kind: 'stopped';
      readonly reason: 'time' | 'memory' | 'stack';
      readonly line: number | undefined;
    }
  /** It did not run, for what its asker did or has waiting. Always a 429. */
  | ({ readonly kind: 'refused' } & ScriptRefusal);

export interface ScriptRefusal {
  /** The key of the bound: `limits.hookTime`. */
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
  /** Answer 404 `object.missing` where a read is refused. */
  readonly hidden: boolean;
}

export interface Rule {
  readonly reads: AuthParts;
  /** That the verdict is the same for every object, so that it can be had without one. */
  readonly readsOnlyAuth?: boolean | undefined;
  /** That the verdict on a deleted object can still be had: nothing of what it looks at is gone. */
  readonly decidesDeleted?: boolean | undefined;
  /** Set where the rule is the same for everybody and everything. */
  readonly constant: boolean | undefined;
  /** The syntax tree, where the model gives an expression. */
  readonly tree?: Expression | undefined;
  /** A rule that throws or is stopped is a no, counted and logged. For commands see `demand` in `access.ts`, which tells the two apart. */
  allows(scope: RuleScope): boolean | Promise<boolean>;
  /** As `allows`, but tells a rule that was stopped (a command answers 500 then), or was not asked, from a no. */
  decide(scope: RuleScope): RuleDecision | Promise<RuleDecision>;
}

/** An error is what a command answers where the rule could not be asked. */
export type RuleDecision = 'allowed' | 'refused' | 'stopped' | ProtocolError;

export interface RuleScope {
  readonly auth: Auth;
  /** As stored, with `_r` and `_rev`; absent for create. */
  readonly obj?: JsonObject | undefined;
  readonly input?: JsonObject | undefined;
  readonly r: string;
}

/** Makes an object of the version before `to` one of `to` (rule MIG1). */
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

/** One thing wrong in a model. `line` and `column` count from 1. */
export interface ModelProblem {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** What is wrong and what was expected. */
  readonly message: string;
}
