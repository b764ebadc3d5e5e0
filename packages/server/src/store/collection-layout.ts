/** The declared type of a top-level field, as values compare. */
export interface StoredFieldType {
  readonly field: string;
  readonly type: 'text' | 'number' | 'boolean';
}

/** An index, over one field or several in this order. */
export interface LayoutIndex {
  /** Dotted paths, at least one. */
  readonly fields: readonly string[];
  /** No two objects have the same values in all fields. Objects without one of them do not count. */
  readonly unique: boolean;
}

/** The part of a model that the store needs. */
export interface CollectionLayout {
  /** `['users', 'posts']` for the posts of users. */
  readonly names: readonly string[];
  /**
   * Version of the model that the layout is of. Where it increases, every position up to then is
   * `gone` for `changes`.
   */
  readonly modelVersion?: number | undefined;
  /**
   * The model version from which on objects have the current form. Older ones are to be migrated,
   * and their unique fields are not checked until then.
   */
  readonly currentFrom?: number | undefined;
  readonly indexes: readonly LayoutIndex[];
  /**
   * Fields whose references `dependents` finds: dotted paths, `[]` after each list on the way:
   * `creator`, `house.owners[]`, `members[].user`.
   */
  readonly references?: readonly string[] | undefined;
  /** Fields for which `mistyped` is called often. */
  readonly types?: readonly StoredFieldType[] | undefined;
  /** Revisions kept per object, or the age in ms up to which they are kept. */
  readonly retention: { readonly history?: number | undefined; readonly age?: number | undefined };
}
