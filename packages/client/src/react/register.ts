import type {
  CollectionAt,
  FieldNameAt,
  LiveAt,
  Narrowed,
  PatternOf,
  UntypedModels,
} from '../models.js';

/**
 * To be extended by the app, so that all hooks know its models:
 * `declare module '@really/client/react' { interface Register { models: Models } }`.
 */
// biome-ignore lint/suspicious/noEmptyInterface: the app adds a member
export interface Register {}

export type RegisteredModels = Register extends { readonly models: infer Models }
  ? Models
  : UntypedModels;

export type LiveOf<R extends string> = LiveAt<RegisteredModels, PatternOf<R>>;

export type FieldNameOf<R extends string> = FieldNameAt<RegisteredModels, PatternOf<R>>;

export type ItemOf<R extends string, Field extends string> = Narrowed<
  LiveOf<R>,
  RegisteredModels,
  PatternOf<R>,
  Field
>;

export type CreateOf<R extends string> = CollectionAt<RegisteredModels, PatternOf<R>>['Create'];

export type OpsOf<R extends string> = CollectionAt<RegisteredModels, PatternOf<R>>['Ops'];
