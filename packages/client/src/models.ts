import type { JsonValue } from '@really/protocol/client';

/** What is known of the objects of one collection: flat interfaces, one for each use. */
export interface CollectionTypes {
  /** An object as `get` and `read` bring it, with `_r` and `_rev`. */
  readonly Read: object;
  /** As live copies and the answer to a create have it, if its references make that another type. */
  readonly Live?: object;
  /** What a create takes. */
  readonly Create: object;
  /** Which operations fit which key. */
  readonly Ops: AnyOps;
  /** The names of the fields in each field set: `{ card: 'name' | 'picture' }`. */
  readonly Sets?: object;
  /** The state of a member of a room, if the model says it. */
  readonly Presence?: object;
  /** By name, the data of the messages to a room. */
  readonly Events?: object;
}

export interface AnyOps {
  /** By key (`picture.large`): what `set` takes. */
  readonly set: object;
  /** Keys that `addNumber` takes. */
  readonly addNumber: string;
  /** By key of a list: an element. */
  readonly lists: object;
}

/** The address and the revision, which every object has. */
export interface ObjectIdentity {
  readonly _r: string;
  readonly _rev: number;
}

/** Types of a client that knows no models: any field. */
export interface UntypedCollection {
  // Users of untyped objects write `task.title` without a cast.
  // biome-ignore lint/suspicious/noExplicitAny: what JSON holds is not known here
  readonly Read: ObjectIdentity & { readonly [field: string]: any };
  readonly Create: { readonly [field: string]: JsonValue | undefined };
  readonly Ops: {
    readonly set: { readonly [key: string]: JsonValue | undefined };
    readonly addNumber: string;
    readonly lists: { readonly [key: string]: JsonValue };
  };
}

/** Of rooms whose model says nothing: any JSON. */
export interface UntypedState {
  // biome-ignore lint/suspicious/noExplicitAny: what JSON holds is not known here
  readonly [name: string]: any;
}

/** By collection pattern, `/users/*\/posts/*`. */
export interface UntypedModels {
  readonly [pattern: string]: UntypedCollection;
}

/**
 * The collection that an address belongs to, with stars for its ids: `/users/1/posts` and
 * `/users/1/posts/2` are in `/users/*\/posts/*`. Spelled out for four levels, which costs the compiler less
 * than recursion.
 */
export type PatternOf<R extends string> =
  R extends `/${infer A}/${string}/${infer B}/${string}/${infer C}/${string}/${infer D}/${string}`
    ? `/${A}/*/${B}/*/${C}/*/${D}/*`
    : R extends `/${infer A}/${string}/${infer B}/${string}/${infer C}/${string}/${infer D}`
      ? `/${A}/*/${B}/*/${C}/*/${D}/*`
      : R extends `/${infer A}/${string}/${infer B}/${string}/${infer C}/${string}`
        ? `/${A}/*/${B}/*/${C}/*`
        : R extends `/${infer A}/${string}/${infer B}/${string}/${infer C}`
          ? `/${A}/*/${B}/*/${C}/*`
          : R extends `/${infer A}/${string}/${infer B}/${string}`
            ? `/${A}/*/${B}/*`
            : R extends `/${infer A}/${string}/${infer B}`
              ? `/${A}/*/${B}/*`
              : R extends `/${infer A}/${string}`
                ? `/${A}/*`
                : R extends `/${infer A}`
                  ? `/${A}/*`
                  : string;

/** The types of the collection with this pattern; `never` where the models have none. */
export type CollectionAt<Models, Pattern extends string> = string extends Pattern
  ? UntypedCollection
  : Pattern extends keyof Models
    ? Models[Pattern] extends CollectionTypes
      ? Models[Pattern]
      : never
    : never;

/** An object of the collection as live copies have it. */
export type LiveAt<Models, Pattern extends string> =
  CollectionAt<Models, Pattern> extends { readonly Live: infer Live }
    ? Live
    : CollectionAt<Models, Pattern>['Read'];

/** The state of a member of a room. */
export type PresenceAt<Models, Pattern extends string> =
  CollectionAt<Models, Pattern> extends { readonly Presence: infer State extends object }
    ? State
    : UntypedState;

/** The data of the messages to a room, by name. */
export type EventsAt<Models, Pattern extends string> =
  CollectionAt<Models, Pattern> extends { readonly Events: infer Events extends object }
    ? Events
    : UntypedState;

/** What may be in `fields`: names of fields, and of field sets as `@card`. */
export type FieldNameAt<Models, Pattern extends string> =
  | Extract<keyof CollectionAt<Models, Pattern>['Read'], string>
  | `@${Extract<keyof SetsAt<Models, Pattern>, string>}`;

type SetsAt<Models, Pattern extends string> =
  CollectionAt<Models, Pattern> extends { readonly Sets: infer Sets }
    ? Sets
    : { readonly [set: string]: string };

/** An object with these fields alone: a literal list narrows it. `never`: all fields. */
export type Narrowed<Shape, Models, Pattern extends string, Field extends string> = [
  Field,
] extends [never]
  ? Shape
  : string extends Field | keyof Shape
    ? Shape
    : Pick<
        Shape,
        Extract<keyof Shape, keyof ObjectIdentity | Named<Field, SetsAt<Models, Pattern>>>
      >;

/** The fields in `fields`: those of a set stand for it. */
type Named<Field extends string, Sets> = Field extends `@${infer Name}`
  ? Name extends keyof Sets
    ? Sets[Name]
    : never
  : Field;

/** An address in a known collection; any other one does not compile. */
export type KnownR<Models, R extends string> = [CollectionAt<Models, PatternOf<R>>] extends [never]
  ? `The models have no collection ${PatternOf<R>}`
  : R;

/** The names of the collections below the objects of one. */
export type ChildName<Models, Pattern extends string> = string extends keyof Models
  ? string
  : string extends Pattern
    ? string
    : keyof Models extends infer Key
      ? Key extends `${Pattern}/${infer Name}/*`
        ? Name
        : never
      : never;
