/**
 * How objects depend on another one: those of the collection `names` right below it; or, with
 * `field`, those of `names` that refer to it there. The field is one of `CollectionLayout.references`.
 */
export interface Dependency {
  readonly names: readonly string[];
  readonly field?: string | undefined;
}

export interface DependentsPage {
  /** `next` of an earlier page; from the beginning if missing. */
  readonly after?: string | undefined;
  readonly limit: number;
}

export interface Dependents {
  readonly rs: readonly string[];
  /** Where to go on; `undefined` at the end. Valid whatever happens to the objects. */
  readonly next?: string | undefined;
}
