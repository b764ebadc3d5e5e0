import { rawSql } from './sql.js';

/**
 * Called for each object that a statement visits, before anything else, and again within slow work:
 * it throws when the time is up.
 */
export const tickFunction = 'really_tick';
export const tick = rawSql(`${tickFunction}()`);
