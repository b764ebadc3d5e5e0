// Made by `really dev` and `really models types`. Do not edit: change the models.

/** Anything that JSON can say. */
export type JsonValue =
  | null | boolean | number | string | readonly JsonValue[] | { readonly [name: string]: JsonValue };

/** Of these types. A client that is given it as `models` warns if the server has others. */
export const modelsHash = 'a1e9546910a3bc83';

// An object of /rooms/*, as live copies have it.
export interface Rooms {
  readonly _r: `/rooms/${string}`;
  readonly _rev: number;
  readonly name: string;
  readonly owner: string;
  readonly total?: number;
}

// What a create in /rooms/* takes.
export interface RoomsCreate {
  name: string;
  owner: string;
}

// What an update in /rooms/* may do: which key takes which operation.
export interface RoomsOps {
  set: {
    name: string;
  };
  addNumber: never;
  lists: {};
}

// An object of /rooms/*/invitations/*, as live copies have it.
export interface RoomsInvitations {
  readonly _r: `/rooms/${string}/invitations/${string}`;
  readonly _rev: number;
  readonly by: string;
}

// What a create in /rooms/*/invitations/* takes.
export interface RoomsInvitationsCreate {
  by: string;
}

// What an update in /rooms/*/invitations/* may do: which key takes which operation.
export interface RoomsInvitationsOps {
  set: {
    by: string;
  };
  addNumber: never;
  lists: {};
}

// An object of /rooms/*/members/*, as live copies have it.
export interface RoomsMembers {
  readonly _r: `/rooms/${string}/members/${string}`;
  readonly _rev: number;
  readonly invitation?: `/rooms/${string}/invitations/${string}`;
  readonly name: string;
  readonly seen?: number;
  readonly user: string;
}

// An object of /rooms/*/members/* as get and read bring it, with what its references refer to.
export interface RoomsMembersRead {
  readonly _r: `/rooms/${string}/members/${string}`;
  readonly _rev: number;
  readonly invitation?: { readonly value: `/rooms/${string}/invitations/${string}`; readonly ref?: { readonly _r: string; readonly _rev: number; readonly _deleted?: true }; readonly error?: { readonly code: number; readonly message: string } };
  readonly name: string;
  readonly seen?: number;
  readonly user: string;
}

// What a create in /rooms/*/members/* takes.
export interface RoomsMembersCreate {
  invitation?: `/rooms/${string}/invitations/${string}` | null | undefined;
  name: string;
  seen?: number | null | undefined;
  user: string;
}

// What an update in /rooms/*/members/* may do: which key takes which operation.
export interface RoomsMembersOps {
  set: {
    name: string;
    seen: number | null;
  };
  addNumber: 'seen';
  lists: {};
}

// An object of /rooms/*/messages/*, as live copies have it.
export interface RoomsMessages {
  readonly _r: `/rooms/${string}/messages/${string}`;
  readonly _rev: number;
  readonly at?: string;
  readonly author: string;
  readonly text: string;
}

// What a create in /rooms/*/messages/* takes.
export interface RoomsMessagesCreate {
  author: string;
  text: string;
}

// What an update in /rooms/*/messages/* may do: which key takes which operation.
export interface RoomsMessagesOps {
  set: {
    author: string;
    text: string;
  };
  addNumber: never;
  lists: {};
}

/** Every collection of the app, by its address. */
export interface Models {
  '/rooms/*': {
    Read: Rooms;
    Live: Rooms;
    Create: RoomsCreate;
    Ops: RoomsOps;
    Sets: {};
    Presence: { readonly typing?: boolean };
  };
  '/rooms/*/invitations/*': {
    Read: RoomsInvitations;
    Live: RoomsInvitations;
    Create: RoomsInvitationsCreate;
    Ops: RoomsInvitationsOps;
    Sets: {};
  };
  '/rooms/*/members/*': {
    Read: RoomsMembersRead;
    Live: RoomsMembers;
    Create: RoomsMembersCreate;
    Ops: RoomsMembersOps;
    Sets: {};
  };
  '/rooms/*/messages/*': {
    Read: RoomsMessages;
    Live: RoomsMessages;
    Create: RoomsMessagesCreate;
    Ops: RoomsMessagesOps;
    Sets: {};
  };
}
