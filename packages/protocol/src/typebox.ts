/**
 * What is used of typebox, in one place: the build makes one file of this and of what it imports.
 * The library comes as hundreds of files, and to load them took a third of the time that a server needs to start.
 */
export { type Static, type TProperties, type TSchema, Type } from 'typebox';
export { Compile } from 'typebox/compile';
