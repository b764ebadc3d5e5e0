/** Why an object can not be had as of its model's version. Answered as 500: only the app's owner can mend it. */
export class MigrationFailed extends Error {
  override readonly name = 'MigrationFailed';
  readonly r: string;
  readonly reason: string;
  constructor(r: string, reason: string) {
    super(`${r} can not be migrated: ${reason}`);
    this.r = r;
    this.reason = reason;
  }
}
