/** Loads the entry `@really/client/live`, of which bundlers make a file of its own. */
export async function loadLive(): Promise<void> {
  await import('./live/mod.js');
}
