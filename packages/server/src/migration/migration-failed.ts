/** An object cannot be migrated. Answered as 500: only the app's owner can fix it. */
export class MigrationFailed extends Error {
  override readonly name = 'MigrationFailed';
  readonly r: string;
  readonly reason: string;
  constructor(r: string, reason: string) {
    super(`${r} cannot be migrated: ${reason}`);
    this.r = r;
    this.reason = reason;
  }
}
