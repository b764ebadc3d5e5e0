// Made by `really dev` and `really models types`. Do not edit: change the models.

/** Anything that JSON can say. */
export type JsonValue =
  | null | boolean | number | string | readonly JsonValue[] | { readonly [name: string]: JsonValue };

/** Of these types. A client that is given it as `models` warns if the server has others. */
export const modelsHash = 'bbf3624f599ce96c';

// An object of /clocks/*, as live copies have it.
export interface Clocks {
  readonly _r: `/clocks/${string}`;
  readonly _rev: number;
  readonly at: string;
}

// What a create in /clocks/* takes.
export interface ClocksCreate {
}

// What an update in /clocks/* may do: which key takes which operation.
export interface ClocksOps {
  set: {};
  addNumber: never;
  lists: {};
}

// An object of /machines/*, as live copies have it.
export interface Machines {
  readonly _r: `/machines/${string}`;
  readonly _rev: number;
  readonly at: string;
  readonly load: number;
  readonly name: string;
  readonly site: string;
}

// What a create in /machines/* takes.
export interface MachinesCreate {
  at: string;
  load: number;
  name: string;
  site: string;
}

// What an update in /machines/* may do: which key takes which operation.
export interface MachinesOps {
  set: {
    at: string;
    load: number;
    name: string;
    site: string;
  };
  addNumber: 'load';
  lists: {};
}

/** Every collection of the app, by its address. */
export interface Models {
  '/clocks/*': {
    Read: Clocks;
    Live: Clocks;
    Create: ClocksCreate;
    Ops: ClocksOps;
    Sets: {};
  };
  '/machines/*': {
    Read: Machines;
    Live: Machines;
    Create: MachinesCreate;
    Ops: MachinesOps;
    Sets: {};
  };
}
