/** Options of a command, as commander gathered them. */
export type ProgramOptions = Readonly<Record<string, unknown>>;
