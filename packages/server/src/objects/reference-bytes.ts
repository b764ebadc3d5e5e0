/**
 * What a reference costs that a write adds, as bytes of a message that cost as much: it is looked
 * for before the write and at its commit, and entered in the store's index of references.
 */
export const newReferenceBytes = 512;

/**
 * One that is in a written field already: it is compared with what the field has now, before the
 * write and at its commit.
 */
export const keptReferenceBytes = 128;
