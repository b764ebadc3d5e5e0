import { commandsIn, type JsonObject } from '@really/protocol';

/** Object members that count as one command. */
const membersPerCommand = 100;

/** Upper bound of the cost of members: without it, the largest message would never be admitted. */
const maxMemberCost = 500;

/** In commands: as many as are in it, or more if it has many members (rule LIM21). */
export function costOf(message: JsonObject, members: number): number {
  return Math.max(commandsIn(message), costOfMembers(members));
}

export function costOfMembers(members: number): number {
  return Math.max(1, Math.min(maxMemberCost, Math.floor(members / membersPerCommand)));
}
