import { rawSql } from './sql.js';

/**
 * Called for each object that a statement looks at, before anything else is asked of it, and again where that may take long: it
 * throws when time is up.
 */
export const tickFunction = 'really_tick';
export const tick = rawSql(`${tickFunction}()`);
